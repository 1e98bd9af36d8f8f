// What lies between a worker and its ledger: messages are lost, doubled, late and out of order, either way.
import type { Chance } from "../unit/worker/fuzz-chance.ts";
import type { Act, Answer } from "./ledger-model.ts";
import type { Schedule } from "./schedule.ts";
import type { SimulatedObject } from "./simulated-object.ts";

const USUAL_MS_MAX = 40;
const LATE_MS_MAX = 90_000;
/** After so long a worker gives a message up. */
const PATIENCE_MS = 5_000;

export class SimulatedNetwork {
  readonly #object: SimulatedObject;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  /** A message in so many is lost, doubled or late. */
  readonly #faultOnceIn: number;

  constructor(object: SimulatedObject, schedule: Schedule, chance: Chance, faultOnceIn: number) {
    this.#object = object;
    this.#schedule = schedule;
    this.#chance = chance;
    this.#faultOnceIn = faultOnceIn;
  }

  /** `then` hears the first answer, or null when none came in time. */
  ask(act: Act, then: (answer: Answer | null) => void): void {
    let isHeard = false;
    const hear = (answer: Answer | null): void => {
      if (isHeard) return;
      isHeard = true;
      then(answer);
    };
    this.#schedule.after(PATIENCE_MS, () => hear(null));
    const copies = this.#copies();
    for (let copy = 0; copy < copies; copy += 1) {
      this.#schedule.after(this.#delayMs(), () => {
        const answer = this.#object.receive(act);
        if (this.#isFaulty()) return;
        this.#schedule.after(this.#delayMs(), () => hear(answer));
      });
    }
  }

  #copies(): number {
    if (!this.#isFaulty()) return 1;
    return this.#chance.once(2) ? 0 : 2;
  }

  #delayMs(): number {
    return 1 + this.#chance.whole(this.#isFaulty() ? LATE_MS_MAX : USUAL_MS_MAX);
  }

  #isFaulty(): boolean {
    return !this.#object.isCalm && this.#chance.once(this.#faultOnceIn);
  }
}
