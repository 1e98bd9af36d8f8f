// An owner of a budget and its borrowers on a network that loses, doubles and reorders messages, with nodes that crash and
// start again from their journals. What happens is a pure function of the seed.
import type { HoldRequest, Offer, ScopeLimits } from "../../../../policies/account.ts";
import {
  minus,
  NOTHING,
  plus,
  type Amounts,
  type Dimension,
} from "../../../../policies/ledger/amounts.ts";
import {
  decideAsk,
  decideBorrow,
  decideHeard,
  decideReports,
  lacksFor,
  lowFor,
  purposeOf,
  stillKnown,
  tabFor,
} from "../../../../policies/ledger/borrow.ts";
import { decideExtension } from "../../../../policies/ledger/extend.ts";
import { decideHold } from "../../../../policies/ledger/hold.ts";
import { decideLend, decideReturn, type Purpose } from "../../../../policies/ledger/lease.ts";
import type { Limit, Window } from "../../../../policies/ledger/limit.ts";
import { hasClosed } from "../../../../policies/ledger/loan.ts";
import { decideRelease, decideSettlement } from "../../../../policies/ledger/settle.ts";
import { wishesOf } from "../../../../policies/ledger/size.ts";
import { decideSweep } from "../../../../policies/ledger/sweep.ts";
import { newState, pinnedKey } from "../../../../policies/ledger/state.ts";
import { limitsIn, OFFER, ROOT, START_MS, type Faults, type Message } from "./lease-messages.ts";
import { Chance, Node } from "./lease-node.ts";

export class Network {
  readonly root = new Node(ROOT);
  readonly borrowers: readonly Node[];
  readonly chance: Chance;
  readonly limits: readonly Limit[];
  /** How far a bill may go above its hold. */
  readonly overrun: number;
  faults: Faults;
  /** In no order. */
  messages: Message[] = [];
  nowMs = START_MS;
  #calls = 0;

  constructor(
    seed: number,
    options: {
      readonly borrowers: number;
      readonly limits: readonly Limit[];
      readonly faults: Faults;
      readonly overrun?: number;
    },
  ) {
    this.chance = new Chance(seed);
    this.limits = options.limits;
    this.faults = options.faults;
    this.overrun = options.overrun ?? 0;
    this.borrowers = Array.from(
      { length: options.borrowers },
      (_, index) => new Node(`borrower-${index}`),
    );
  }

  get nodes(): Node[] {
    return [this.root, ...this.borrowers];
  }

  /** One thing happens somewhere. */
  step(): void {
    const { chance } = this;
    const node = chance.one(this.borrowers) ?? this.root;
    const kind = chance.next();
    if (kind < 0.3) this.hold(node);
    else if (kind < 0.32) this.hold(this.root);
    else if (kind < 0.42) this.end(chance.below(8) === 0 ? this.root : node);
    else if (kind < 0.46) this.extend(node);
    else if (kind < 0.86) this.deliverOne();
    else if (kind < 0.93) this.alarm(node, chance.next() < 0.2);
    else if (kind < 0.94) this.check();
    else if (kind < 0.97) this.nowMs += chance.below(chance.below(20) === 0 ? 7_200_000 : 5_000);
    else this.crash(chance.one(this.nodes) ?? node);
  }

  /** A call that waits for a loan asks for it, and is gone: clients come again. */
  hold(node: Node, offer: Offer = this.#offer()): boolean {
    const request = this.#request(node, offer);
    const { state, ended } = node;
    for (const entry of decideSweep(state, this.nowMs, 50)) node.record(entry);
    const { answer, entry } = decideHold(state, ended, request, 0, 0, this.nowMs);
    node.record(entry);
    if (node === this.root) return answer.kind === "held";
    if (entry !== null) {
      const taken = state.calls.get(request.callId)?.held ?? NOTHING;
      for (const want of lowFor(state, request, this.nowMs, taken)) this.#ask(node, want, "early");
    } else if (answer.kind === "refused" && answer.reason === "unlent") {
      const needs = this.chance.one(wishesOf([offer], 1)) ?? NOTHING;
      for (const want of lacksFor(state, request, this.nowMs, needs))
        this.#ask(node, want, purposeOf(state.leases, want));
    }
    return answer.kind === "held";
  }

  end(node: Node): void {
    const call = this.chance.one([...node.state.calls.values()]);
    if (call === undefined) return;
    const { callId, inputTokens } = call.hold;
    if (this.chance.next() < 0.1) {
      node.record(decideRelease(node.state, node.ended, callId, this.nowMs).entry);
      return;
    }
    const most = call.heldOutputTokens + this.chance.below(this.overrun + 1);
    const usage = {
      inputTokens,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: this.chance.below(most + 1),
      reasoningTokens: 0,
    };
    const settlement = { callId, usage, certainty: "exact", ending: "complete" } as const;
    node.record(decideSettlement(node.state, node.ended, settlement, this.nowMs).entry);
  }

  extend(node: Node): void {
    const call = this.chance.one([...node.state.calls.values()]);
    if (call === undefined) return;
    const outputTokens = call.heldOutputTokens + 10;
    const { callId } = call.hold;
    const extension = { callId, outputTokens, seenOutputTokens: 1, ttlMs: 60_000 };
    node.record(decideExtension(node.state, node.ended, extension, this.nowMs).entry);
  }

  /** What a ledger does by itself: it gives back, and says again what got no answer. */
  alarm(node: Node, isIdle: boolean): void {
    const { state } = node;
    const { leases } = state;
    for (const entry of decideSweep(state, this.nowMs, 50)) node.record(entry);
    for (const loan of leases.loans.values()) {
      const isOver = isIdle || hasClosed(loan, this.nowMs);
      for (const entry of decideReports(state, loan, isOver, this.nowMs)) node.record(entry);
    }
    for (const loan of leases.loans.values()) {
      const tab = tabFor(state, loan);
      if (tab !== null) node.record(decideAsk(leases, tab, this.chance.uuid(), this.nowMs));
    }
    for (const { leaseId, spent, lender } of leases.unheard.values())
      this.#send({ to: lender, kind: "report", from: node.name, leaseId, spent });
    for (const ask of leases.asked.values())
      this.#send({
        to: ask.lender,
        kind: "ask",
        from: node.name,
        ask,
        limits: [],
        purpose: "need",
      });
  }

  /** The root asks its borrowers whether they still have what it lent them. */
  check(): void {
    for (const { name } of this.borrowers) {
      const lends = [...this.root.state.leases.lent.values()];
      const leaseIds = lends.filter((one) => one.borrower === name).map(({ leaseId }) => leaseId);
      if (leaseIds.length > 0) this.#send({ to: name, kind: "which", leaseIds });
    }
  }

  /** The wrong cure for messages that are lost: a lender that frees what it has not heard of for so long. */
  freeByClock(node: Node, afterMs: number): void {
    for (const { leaseId, atMs } of node.state.leases.lent.values())
      if (atMs + afterMs <= this.nowMs)
        node.record(decideReturn(node.state.leases, leaseId, NOTHING, this.nowMs));
  }

  deliverOne(): void {
    if (this.messages.length === 0) return;
    const index = this.chance.below(this.messages.length);
    const [message] = this.messages.splice(index, 1);
    if (message === undefined || this.chance.next() < this.faults.loss) return;
    if (this.chance.next() < this.faults.doubling) this.messages.push(message);
    this.#deliver(message);
  }

  /** Whatever is under way arrives, and what that brings about too. */
  deliverAll(): void {
    while (this.messages.length > 0) this.deliverOne();
  }

  crash(node: Node): void {
    if (!node.crash()) throw new Error(`${node.name} is not what its journal says`);
  }

  /** All that a scope's ledgers have spent of a window, whoever was told. */
  spentInAll(name: string): Amounts {
    return this.borrowers.reduce(
      (sum, { state }) => plus(sum, state.buckets.get(name)?.spent ?? NOTHING),
      this.ownSpent(name),
    );
  }

  /** What calls on the root itself have spent; the rest of its figure is what it was told. */
  ownSpent(name: string): Amounts {
    const spent = this.root.state.buckets.get(name)?.spent ?? NOTHING;
    return minus(spent, this.root.told.get(name) ?? NOTHING);
  }

  /** How much of a limit the owner lends to one who asks for all of it, in the window that is open now. */
  lendAll(window: Window, dimension: Dimension): number {
    const most = limitsIn(this.limits, window).find(([of]) => of === dimension)?.[1] ?? 0;
    const key = pinnedKey(window, "UTC", null, this.nowMs) ?? "";
    const want = {
      lender: ROOT,
      scope: ROOT,
      window,
      key,
      amounts: { ...NOTHING, [dimension]: most },
    };
    const ask = decideAsk(newState().leases, want, this.chance.uuid(), this.nowMs);
    if (ask === null) return 0;
    const { state } = this.root;
    return decideLend(state, ask, "new", this.limits, "need", this.nowMs).amounts[dimension];
  }

  #deliver(message: Message): void {
    if (message.to === ROOT) this.#deliverToRoot(message);
    const node = this.borrowers.find(({ name }) => name === message.to);
    if (node === undefined) return;
    const { leases } = node.state;
    if (message.kind === "lent")
      node.record(decideBorrow(leases, message.leaseId, message.amounts, this.nowMs));
    if (message.kind === "heard") node.record(decideHeard(leases, message.leaseId, this.nowMs));
    if (message.kind === "which") {
      const { leaseIds } = message;
      this.#send({ to: ROOT, kind: "known", leaseIds, known: stillKnown(leases, leaseIds) });
    }
  }

  #deliverToRoot(message: Message): void {
    const { root } = this;
    const { state } = root;
    if (message.kind === "ask") {
      const { ask, from, limits, purpose } = message;
      const { amounts, entry } = decideLend(state, ask, from, limits, purpose, this.nowMs);
      root.record(entry);
      this.#send({ to: from, kind: "lent", leaseId: ask.leaseId, amounts });
    }
    if (message.kind === "report") {
      const { leaseId, spent, from } = message;
      root.record(decideReturn(state.leases, leaseId, spent, this.nowMs));
      this.#send({ to: from, kind: "heard", leaseId });
    }
    if (message.kind === "known")
      for (const leaseId of message.leaseIds)
        if (!message.known.includes(leaseId))
          root.record(decideReturn(state.leases, leaseId, NOTHING, this.nowMs));
  }

  #ask(
    node: Node,
    want: Parameters<typeof decideAsk>[1] & { limits: readonly Limit[] },
    purpose: Purpose,
  ): void {
    const ask = decideAsk(node.state.leases, want, this.chance.uuid(), this.nowMs);
    if (ask === null) return;
    node.record(ask);
    const { limits } = want;
    this.#send({ to: ask.lender, kind: "ask", from: node.name, ask, limits, purpose });
  }

  #send(message: Message): void {
    this.messages.push(message);
  }

  #offer(): Offer {
    const outputTokens = 5 + this.chance.below(60);
    const sliceTokens = this.chance.below(2) === 0 ? outputTokens : 20;
    return { ...OFFER, inputTokens: 1 + this.chance.below(20), outputTokens, sliceTokens };
  }

  #request(node: Node, offer: Offer): HoldRequest {
    const scope = { scope: "org:o", limits: this.limits };
    const scopes: ScopeLimits[] = [node === this.root ? scope : { ...scope, lender: ROOT }];
    return {
      callId: `${node.name}:${this.#calls++}`,
      keyId: "k",
      policyVersion: "1",
      variant: null,
      requests: 1,
      scopes,
      zone: "UTC",
      session: null,
      offers: [offer],
      ttlMs: 60_000,
    };
  }
}
