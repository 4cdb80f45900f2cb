import { reportBackgroundError } from '../../channels/index.ts';
import { endsWithin, systemClock } from '../../core/index.ts';
import type { OwnProcess } from '../look/own-process.ts';
import type { Attention } from '../measure/attention.ts';
import type { FleetBus } from './bus.ts';
import { parcelsOf } from './parcels.ts';
import { farewellText, type Question, readQuestion } from './questions.ts';

/** Questions that one process answers at once; others are not answered, and asked again. */
const mostAtOnce = 4;
/** How long a bus that has gone silent may keep the end waiting, in milliseconds. */
const farewellTimeout = 1_000;

/** Answers what other processes ask of this one. */
export class Member {
  readonly #process: OwnProcess;
  readonly #bus: FleetBus;
  readonly #attention: Attention;
  #answering = 0;
  #hasLeft = false;

  constructor(process: OwnProcess, bus: FleetBus, attention: Attention) {
    this.#process = process;
    this.#bus = bus;
    this.#attention = attention;
  }

  hear(text: string): void {
    const question = readQuestion(text);
    if (question === undefined || question.from === this.#process.identity.id) return;
    this.#attention.note();
    if (this.#answering >= mostAtOnce) return;
    this.#answering += 1;
    this.#answer(question)
      .catch((error: unknown) => reportBackgroundError({ source: 'inspector: answering the fleet', error }))
      .finally(() => (this.#answering -= 1));
  }

  /** Says that this process leaves, where anyone looks. */
  async leave(): Promise<void> {
    // An answer that came after the farewell would bring the process back.
    this.#hasLeft = true;
    if (!this.#attention.isThere) return;
    const saying = this.#bus.publish(farewellText(this.#process.identity.id));
    await endsWithin(systemClock, saying, farewellTimeout).catch(() => {});
  }

  async #answer({ id, about, transaction = '' }: Question): Promise<void> {
    const answer = about === 'report' ? await this.#process.report() : this.#process.historyOf(transaction);
    if (answer === undefined) return;
    const { longestMessage } = this.#bus;
    for (const text of await parcelsOf(id, this.#process.identity.id, answer, longestMessage)) {
      if (this.#hasLeft) return;
      await this.#bus.publish(text);
    }
  }
}
