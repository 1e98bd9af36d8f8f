// Own sentences of what the recorded data lacks: other languages, contest statements, tricks, questions of several parts.
import type { Kind } from "../../features.ts";

export interface Statement {
  readonly group: string;
  /** Null where any kind would do. */
  readonly kind: Kind | null;
  readonly text: string;
}

const of = (group: string, kind: Kind | null, texts: readonly string[]): Statement[] =>
  texts.map((text) => ({ group, kind, text }));

export const STATEMENTS: readonly Statement[] = [
  ...of("other languages, plain questions", null, [
    "Warum ist der Himmel am Abend oft rot, und was hat der Staub damit zu tun?",
    "Pourquoi les feuilles des arbres tombent-elles en automne dans nos régions ?",
    "¿Por qué los barcos de acero flotan en el agua y las piedras se hunden?",
    "Quale fiume attraversa la città di Firenze e dove sfocia?",
    "Por que a lua parece maior quando está perto do horizonte?",
    "Dlaczego zimą dni są krótsze niż latem w naszym kraju?",
    "Почему вода в море солёная, а в реке пресная?",
    "なぜ夏は冬より昼が長いのですか。",
    "为什么轮船可以浮在水面上？",
    "لماذا تهاجر الطيور في فصل الشتاء؟",
  ]),
  ...of("other languages, reckoning", "math", [
    "Anna hat 24 Äpfel und gibt 7 davon ihrem Bruder. Wie viele Äpfel hat sie dann noch?",
    "Un train parcourt 240 km en 3 heures. Quelle est sa vitesse moyenne en km par heure ?",
    "Una tienda vende 15 cajas con 8 lápices cada una. ¿Cuántos lápices vende en total?",
    "В корзине 18 яблок, 5 из них съели. Сколько яблок осталось?",
    "小明有 12 支铅笔，又买了 8 支，他现在有几支铅笔？",
  ]),
  ...of("contest statements", "code", [
    "You are given an array a of n integers and q queries. Each query gives l and r; find the number of distinct values among a_l, ..., a_r. Input: the first line contains n and q (1 <= n, q <= 200000). Output: one integer per query.",
    "A frog starts on stone 1 and wants to reach stone n. From stone i it can jump to i+1 or i+2 at the cost |h_i - h_j|. Print the smallest total cost. Constraints: 2 <= n <= 100000.",
    "There are n cities joined by m two-way roads with lengths. For every city print the shortest distance from city 1, or -1 if it cannot be reached. Time limit: 2 seconds.",
    "Alice and Bob play a game with a pile of n stones. In a move one takes 1, 3 or 4 stones; who cannot move loses. For each of t test cases (1 <= t <= 1000) print the winner's name.",
    "Given a string s of lowercase letters, in one operation you may delete two equal neighbouring characters. Print the string that remains after all possible operations, or EMPTY.\n\nInput\nOne line with s, |s| <= 10^5.\n\nOutput\nThe remaining string.",
    "Count the permutations of 1..n with exactly k inversions, modulo 10^9+7. Input consists of two integers n and k (n, k <= 5000). Output the count.",
  ]),
  ...of("tricks", null, [
    "A plane crashes exactly on the border of two countries. Where are the survivors buried?",
    "How many animals of each kind did Moses take onto the ark?",
    "If a rooster lays an egg on the top of a roof, on which side does it roll down?",
    "Which weighs more, a kilogram of steel or a kilogram of feathers?",
    "A farmer has 17 sheep, and all but 9 run away. How many are left?",
    "Some months have 31 days. How many have 28?",
  ]),
  ...of("several parts", null, [
    "A ball is thrown upwards at 20 m/s from a roof 15 m high. (a) How long does it rise? (b) How high does it get? (c) At what speed does it hit the ground? (d) How would (c) change if it were thrown downwards at the same speed?",
    "Explain what a hash table is. Then write one in Python without using dict, give the cost of each operation, and compare it with a balanced tree.",
    "1. What caused the price revolution of the 16th century? 2. Which regions suffered most? 3. Discuss two explanations that historians disagree on.",
    "Let f(x) = x^3 - 3x + 1. a) Find all extrema. b) Show that f has three real roots. c) Express the roots through cosines. d) Deduce the sum of their squares.",
  ]),
  ...of("one part of those", null, [
    "A ball is thrown upwards at 20 m/s from a roof 15 m high. How long does it rise?",
    "Explain what a hash table is.",
    "What caused the price revolution of the 16th century?",
    "Let f(x) = x^3 - 3x + 1. Find all extrema.",
  ]),
  ...of("small talk", "chat", [
    "Hello, how are you today?",
    "Thanks, that was lovely!",
    "I am bored. Tell me something funny.",
    "good night, see you tomorrow",
    "Do you like music?",
    "What should I wear to a party?",
  ]),
  ...of("everyday requests", "chat", [
    "Write a friendly email to my landlord about the broken heating.",
    "Give me five ideas for a birthday present for my sister.",
    "Can you rewrite this sentence so that it sounds more polite: send me the file now",
    "Plan a weekend in Lisbon for two people who like food.",
    "remind me to call the dentist at nine",
    "Suggest a name for a small bakery.",
  ]),
];
