// Names of zones that engines take and do not list: old names and short ones, and those that engines differ in (Kolkata and
// Calcutta). Each in the spelling of the IANA database, of which engines ignore the case.

/** Hours behind Greenwich, by this area's sign: from GMT-14 to GMT+12. */
const OFFSETS = Array.from({ length: 27 }, (_, at) => `GMT${at < 14 ? "" : "+"}${at - 14}`);

/** What stands behind the slash, by what stands before it; nothing before those without one. */
const NAMES: Readonly<Record<string, string>> = {
  "": `CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST
    Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC
    PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU WET Zulu`,
  Africa: `Asmara Asmera Timbuktu`,
  America: `Argentina/Buenos_Aires Argentina/Catamarca Argentina/ComodRivadavia Argentina/Cordoba
    Argentina/Jujuy Argentina/Mendoza Atikokan Atka Buenos_Aires Catamarca Coral_Harbour Cordoba
    Ensenada Fort_Wayne Godthab Indiana/Indianapolis Indianapolis Jujuy Kentucky/Louisville Knox_IN
    Louisville Montreal Nipigon Nuuk Pangnirtung Porto_Acre Rainy_River Rosario Santa_Isabel
    Shiprock Thunder_Bay Virgin Yellowknife`,
  Antarctica: `South_Pole`,
  Asia: `Ashkhabad Calcutta Choibalsan Chongqing Chungking Dacca Harbin Ho_Chi_Minh Istanbul Kashgar
    Kathmandu Katmandu Kolkata Macao Rangoon Saigon Tel_Aviv Thimbu Ujung_Pandang Ulan_Bator Yangon`,
  Atlantic: `Faeroe Faroe Jan_Mayen`,
  Australia: `ACT Canberra Currie LHI NSW North Queensland South Tasmania Victoria West Yancowinna`,
  Brazil: `Acre DeNoronha East West`,
  Canada: `Atlantic Central Eastern Mountain Newfoundland Pacific Saskatchewan Yukon`,
  Chile: `Continental EasterIsland`,
  Etc: `GMT0 Greenwich UCT UTC Universal Zulu GMT GMT-0 ${OFFSETS.join(" ")}`,
  Europe: `Belfast Kiev Kyiv Nicosia Tiraspol Uzhgorod Zaporozhye`,
  Mexico: `BajaNorte BajaSur General`,
  Pacific: `Chuuk Enderbury Johnston Kanton Pohnpei Ponape Samoa Truk Yap`,
  US: `Alaska Aleutian Arizona Central East-Indiana Eastern Hawaii Indiana-Starke Michigan Mountain
    Pacific Samoa`,
};

export const ZONE_ALIASES: ReadonlySet<string> = new Set(
  Object.entries(NAMES).flatMap(([area, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => (area === "" ? name : `${area}/${name}`)),
  ),
);
