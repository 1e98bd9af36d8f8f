// Words that say what is asked, in groups that a person can read and judge. They go into the weights, which were trained on
// what they count. Words about how difficult a text claims to be ("hard", "easy", "tricky") are left out on purpose; see
// claims.ts.
import { readCues, type CueGroup } from "../cues.ts";

export const CUE_WORDS: Record<CueGroup, string> = {
  steps:
    "then each per every left remaining remain total altogether after before next finally twice half times more less fewer another remainder gave bought sold spent started first second rest",
  procedure:
    "loop loops iterate sequence steps step moves move moved rotate swap swapped switch switches reverse reversed flips flip forward backward repeat output outputs simulate trace stack queue sort sorted instructions turn partners operation operations rule rules apply transform starting",
  dates:
    "january february march april june july august september october november december monday tuesday wednesday thursday friday saturday sunday today yesterday tomorrow date calendar weekday days",
  arithmetic:
    "sum product difference ratio percent percentage average mean total calculate compute evaluate solve simplify value number numbers integer integers digit digits probability multiply divide divided minus plus fraction equal equals remainder round nearest",
  geometry:
    "triangle circle angle angles area perimeter radius diameter length width height volume square rectangle parallel perpendicular sphere cube polygon plane point points line segment coordinates degrees",
  higherMath:
    "polynomial function functions prove derivative integral matrix vector limit converges modulo prime primes divisor divisors real complex root roots equation equations theorem group ring field continuous differential log sin cos tan sqrt frac positive inequality maximum minimum denote expression factor let such",
  money:
    "dollars dollar cents cost costs price paid pay spend money earn earns sells buy buys discount tax interest",
  code: "def return returns python javascript java sql code program implement script array string strings list lists class import algorithm regex assert dictionary tuple tuples int float str self elif lambda const var print boolean null api bug compile function functions input",
  wordPuzzle:
    "letter letters word words anagram palindrome vowels vowel cipher concatenate alphabet sentence spell unscramble encrypted decrypt lowercase uppercase character characters",
  grid: "grid matrix row rows column columns puzzle board maze sudoku cell cells table squares map",
  logic:
    "true false lies liar truth exactly clue clues either neither arrange houses house valid argument premise conclude implies deduce constraint statement statements must knight knave knights between immediately older younger taller position",
  science:
    "energy mass velocity force temperature pressure electron electrons acid reaction mole moles cell cells protein gene genes voltage current field atom atoms molecule solution gas heat wavelength frequency circuit species plant plants water earth planet organism dna bacteria light",
  law: "court defendant plaintiff contract law constitutional statute crime convicted liability jury attorney murder act rights property owner amendment",
  business:
    "market firm tax company management organization consumer demand supply economy economic inflation marketing investment corporation bank policy accounting stock trade products ethical",
  humanities:
    "theory philosopher philosophy moral war century president treaty empire government social political religion god culture historical passage author according kant revolution ethics society",
  medicine:
    "patient disease symptoms treatment blood examination clinical diagnosis drug therapy woman man cancer infection muscle nerve heart pain physical history",
  asking: "what which who whom whose when where how",
  naming:
    "name named won born award film album song city published awarded year university founded member album title season episode",
  reasons: "why because explain reason cause causes effect result likely best most",
  negation: "not except never without least incorrect cannot no none",
  self: "i me my mine im we our us am",
  you: "you your yours do",
  greeting:
    "hi hello hey thanks thank please bye goodbye morning night sorry welcome okay ok love happy sad joke bored",
  command:
    "set play remind call tell show turn add remove book schedule find send cancel open check track transfer order need want can could would balance account card flight reservation alarm timer reminder weather",
  making: "write create generate make compose produce draft",
  prose:
    "essay poem story stories email letter rewrite summarize summary describe suggest ideas tweet blog translate paragraph article design imagine pretend role recommend advice tips edit improve song speech post essayist novel dialogue persona tone audience",
  following:
    "following statements options choices answer choose select correct describes refers called known",
  article: "the a an of to in is and for that with on at by from as it was",
};

export const TRAINED_CUES = readCues(CUE_WORDS);
