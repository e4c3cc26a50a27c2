"""The names of the countries in English, German and Romanian. Where one is missing, it is as in English.

XK (Kosovo) is no ISO code. It is user-assigned, and payment vendors use it.
"""

NAMES = """
AD Andorra
AE United Arab Emirates | Vereinigte Arabische Emirate | Emiratele Arabe Unite
AF Afghanistan | | Afganistan
AG Antigua and Barbuda | Antigua und Barbuda | Antigua și Barbuda
AI Anguilla
AL Albania | Albanien
AM Armenia | Armenien
AO Angola
AQ Antarctica | Antarktis | Antarctica
AR Argentina | Argentinien
AS American Samoa | Amerikanisch-Samoa | Samoa Americană
AT Austria | Österreich
AU Australia | Australien
AW Aruba
AX Åland Islands | Ålandinseln | Insulele Åland
AZ Azerbaijan | Aserbaidschan | Azerbaidjan
BA Bosnia and Herzegovina | Bosnien und Herzegowina | Bosnia și Herțegovina
BB Barbados
BD Bangladesh | Bangladesch
BE Belgium | Belgien | Belgia
BF Burkina Faso
BG Bulgaria | Bulgarien
BH Bahrain
BI Burundi
BJ Benin
BL Saint Barthélemy
BM Bermuda | | Bermude
BN Brunei
BO Bolivia | Bolivien
BQ Caribbean Netherlands | Karibische Niederlande | Țările de Jos Caraibiene
BR Brazil | Brasilien | Brazilia
BS Bahamas
BT Bhutan
BV Bouvet Island | Bouvetinsel | Insula Bouvet
BW Botswana | Botsuana
BY Belarus | Belarus | Belarus
BZ Belize
CA Canada | Kanada
CC Cocos (Keeling) Islands | Kokosinseln | Insulele Cocos
CD Congo (Democratic Republic) | Kongo (Demokratische Republik) | Congo (Republica Democrată)
CF Central African Republic | Zentralafrikanische Republik | Republica Centrafricană
CG Congo (Republic) | Kongo (Republik) | Congo (Republica)
CH Switzerland | Schweiz | Elveția
CI Ivory Coast | Elfenbeinküste | Coasta de Fildeș
CK Cook Islands | Cookinseln | Insulele Cook
CL Chile
CM Cameroon | Kamerun | Camerun
CN China
CO Colombia | Kolumbien | Columbia
CR Costa Rica
CU Cuba | Kuba
CV Cape Verde | Kap Verde | Capul Verde
CW Curaçao
CX Christmas Island | Weihnachtsinsel | Insula Christmas
CY Cyprus | Zypern | Cipru
CZ Czechia | Tschechien | Cehia
DE Germany | Deutschland | Germania
DJ Djibouti | Dschibuti
DK Denmark | Dänemark | Danemarca
DM Dominica
DO Dominican Republic | Dominikanische Republik | Republica Dominicană
DZ Algeria | Algerien
EC Ecuador
EE Estonia | Estland
EG Egypt | Ägypten | Egipt
EH Western Sahara | Westsahara | Sahara Occidentală
ER Eritrea | | Eritreea
ES Spain | Spanien | Spania
ET Ethiopia | Äthiopien | Etiopia
FI Finland | Finnland | Finlanda
FJ Fiji | Fidschi
FK Falkland Islands | Falklandinseln | Insulele Falkland
FM Micronesia | Mikronesien | Micronezia
FO Faroe Islands | Färöer | Insulele Feroe
FR France | Frankreich | Franța
GA Gabon | Gabun
GB United Kingdom | Vereinigtes Königreich | Regatul Unit
GD Grenada
GE Georgia | Georgien
GF French Guiana | Französisch-Guayana | Guyana Franceză
GG Guernsey
GH Ghana
GI Gibraltar
GL Greenland | Grönland | Groenlanda
GM Gambia
GN Guinea | | Guineea
GP Guadeloupe | | Guadelupa
GQ Equatorial Guinea | Äquatorialguinea | Guineea Ecuatorială
GR Greece | Griechenland | Grecia
GS South Georgia | Südgeorgien | Georgia de Sud
GT Guatemala
GU Guam
GW Guinea-Bissau | | Guineea-Bissau
GY Guyana
HK Hong Kong | Hongkong
HM Heard and McDonald Islands | Heard und McDonaldinseln | Insulele Heard și McDonald
HN Honduras
HR Croatia | Kroatien | Croația
HT Haiti
HU Hungary | Ungarn | Ungaria
ID Indonesia | Indonesien | Indonezia
IE Ireland | Irland | Irlanda
IL Israel
IM Isle of Man | | Insula Man
IN India | Indien
IO British Indian Ocean Territory | Britisches Territorium im Indischen Ozean | Teritoriul Britanic din Oceanul Indian
IQ Iraq | Irak | Irak
IR Iran
IS Iceland | Island | Islanda
IT Italy | Italien | Italia
JE Jersey
JM Jamaica | Jamaika
JO Jordan | Jordanien | Iordania
JP Japan | | Japonia
KE Kenya | Kenia
KG Kyrgyzstan | Kirgisistan | Kârgâzstan
KH Cambodia | Kambodscha | Cambodgia
KI Kiribati
KM Comoros | Komoren | Comore
KN Saint Kitts and Nevis | St. Kitts und Nevis | Saint Kitts și Nevis
KP North Korea | Nordkorea | Coreea de Nord
KR South Korea | Südkorea | Coreea de Sud
KW Kuwait | | Kuweit
KY Cayman Islands | Kaimaninseln | Insulele Cayman
KZ Kazakhstan | Kasachstan | Kazahstan
LA Laos
LB Lebanon | Libanon | Liban
LC Saint Lucia | St. Lucia | Sfânta Lucia
LI Liechtenstein
LK Sri Lanka
LR Liberia
LS Lesotho
LT Lithuania | Litauen | Lituania
LU Luxembourg | Luxemburg | Luxemburg
LV Latvia | Lettland | Letonia
LY Libya | Libyen | Libia
MA Morocco | Marokko | Maroc
MC Monaco
MD Moldova | Moldau | Republica Moldova
ME Montenegro | | Muntenegru
MF Saint Martin (French part) | St. Martin (französischer Teil) | Sfântul Martin (partea franceză)
MG Madagascar | Madagaskar
MH Marshall Islands | Marshallinseln | Insulele Marshall
MK North Macedonia | Nordmazedonien | Macedonia de Nord
ML Mali
MM Myanmar
MN Mongolia | Mongolei
MO Macao | Macau
MP Northern Mariana Islands | Nördliche Marianen | Insulele Mariane de Nord
MQ Martinique | | Martinica
MR Mauritania | Mauretanien
MS Montserrat
MT Malta
MU Mauritius
MV Maldives | Malediven | Maldive
MW Malawi
MX Mexico | Mexiko | Mexic
MY Malaysia | | Malaezia
MZ Mozambique | Mosambik | Mozambic
NA Namibia
NC New Caledonia | Neukaledonien | Noua Caledonie
NE Niger
NF Norfolk Island | Norfolkinsel | Insula Norfolk
NG Nigeria
NI Nicaragua
NL Netherlands | Niederlande | Țările de Jos
NO Norway | Norwegen | Norvegia
NP Nepal
NR Nauru
NU Niue
NZ New Zealand | Neuseeland | Noua Zeelandă
OM Oman
PA Panama
PE Peru
PF French Polynesia | Französisch-Polynesien | Polinezia Franceză
PG Papua New Guinea | Papua-Neuguinea | Papua-Noua Guinee
PH Philippines | Philippinen | Filipine
PK Pakistan
PL Poland | Polen | Polonia
PM Saint Pierre and Miquelon | St. Pierre und Miquelon | Saint Pierre și Miquelon
PN Pitcairn Islands | Pitcairninseln | Insulele Pitcairn
PR Puerto Rico
PS Palestine | Palästina | Palestina
PT Portugal | | Portugalia
PW Palau
PY Paraguay
QA Qatar | Katar
RE Réunion
RO Romania | Rumänien | România
RS Serbia | Serbien
RU Russia | Russland | Rusia
RW Rwanda | Ruanda
SA Saudi Arabia | Saudi-Arabien | Arabia Saudită
SB Solomon Islands | Salomonen | Insulele Solomon
SC Seychelles | Seychellen
SD Sudan
SE Sweden | Schweden | Suedia
SG Singapore | Singapur | Singapore
SH Saint Helena | St. Helena | Sfânta Elena
SI Slovenia | Slowenien
SJ Svalbard and Jan Mayen | Spitzbergen und Jan Mayen | Svalbard și Jan Mayen
SK Slovakia | Slowakei | Slovacia
SL Sierra Leone
SM San Marino
SN Senegal
SO Somalia
SR Suriname | | Surinam
SS South Sudan | Südsudan | Sudanul de Sud
ST São Tomé and Príncipe | São Tomé und Príncipe | São Tomé și Príncipe
SV El Salvador
SX Sint Maarten (Dutch part) | Sint Maarten (niederländischer Teil) | Sint Maarten (partea neerlandeză)
SY Syria | Syrien | Siria
SZ Eswatini
TC Turks and Caicos Islands | Turks- und Caicosinseln | Insulele Turks și Caicos
TD Chad | Tschad | Ciad
TF French Southern Territories | Französische Süd- und Antarktisgebiete | Teritoriile Australe Franceze
TG Togo
TH Thailand | | Thailanda
TJ Tajikistan | Tadschikistan | Tadjikistan
TK Tokelau
TL Timor-Leste | | Timorul de Est
TM Turkmenistan
TN Tunisia | Tunesien
TO Tonga
TR Türkiye | Türkei | Turcia
TT Trinidad and Tobago | Trinidad und Tobago | Trinidad și Tobago
TV Tuvalu
TW Taiwan
TZ Tanzania | Tansania
UA Ukraine | | Ucraina
UG Uganda
UM United States Outlying Islands | Amerikanische Überseeinseln | Insulele Îndepărtate ale Statelor Unite
US United States | Vereinigte Staaten | Statele Unite
UY Uruguay
UZ Uzbekistan | Usbekistan
VA Vatican City | Vatikanstadt | Vatican
VC Saint Vincent and the Grenadines | St. Vincent und die Grenadinen | Saint Vincent și Grenadinele
VE Venezuela
VG British Virgin Islands | Britische Jungferninseln | Insulele Virgine Britanice
VI United States Virgin Islands | Amerikanische Jungferninseln | Insulele Virgine Americane
VN Vietnam
VU Vanuatu
WF Wallis and Futuna | Wallis und Futuna | Wallis și Futuna
WS Samoa
XK Kosovo
YE Yemen | Jemen
YT Mayotte
ZA South Africa | Südafrika | Africa de Sud
ZM Zambia | Sambia
ZW Zimbabwe | Simbabwe
"""
