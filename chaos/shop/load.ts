import { setTimeout as delay } from 'node:timers/promises';
import { xorshift } from '../../test/checkers/random.ts';
import {
  type Counts,
  customers,
  noCounts,
  products,
  type ShopMessage,
  type ShopSettings,
  type Told,
} from '../settings.ts';
import type { Checkout, Manner } from './checkout.ts';
import type { Order } from './part.ts';
import type { Shipping } from './shipping.ts';
import type { StockCaches } from './stock.ts';

const [buyers, readers] = [5, 2];
/** Nobody orders while more than so many messages or sagas are left to be worked on: SQLite has one writer for all of them. */
const mostLeft = 300;
/** Between two looks at how many are left, in milliseconds. */
const betweenLooks = 500;

/** What customers meet in the shop. */
export interface LoadParts {
  readonly stock: StockCaches;
  readonly shipping: Shipping;
  /** Whether more than so much work is left. */
  readonly isBehind: (most: number) => Promise<boolean>;
}

/** Customers who order and look at the stock until they are told to rest. */
export class Load {
  readonly #checkout: Checkout;
  readonly #stock: StockCaches;
  readonly #shipping: Shipping;
  readonly #isBehindNow: LoadParts['isBehind'];
  readonly #settings: ShopSettings;
  readonly #random: () => number;
  readonly counts: Counts = noCounts();
  readonly #told: Told[] = [];
  readonly #marks = new Set<string>();
  readonly #found: string[] = [];
  #next = 0;
  #isOver = false;
  #isBehind = false;

  constructor(checkout: Checkout, { stock, shipping, isBehind }: LoadParts, settings: ShopSettings) {
    this.#checkout = checkout;
    this.#stock = stock;
    this.#shipping = shipping;
    this.#isBehindNow = isBehind;
    this.#settings = settings;
    this.#random = xorshift(settings.seed);
  }

  /** @returns when what was under way at the end has ended */
  async run(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: buyers }, () => this.#repeat(() => this.#order())),
      ...Array.from({ length: readers }, () => this.#repeat(() => this.#look())),
      this.#watchWork(),
    ]);
  }

  rest(): void {
    this.#isOver = true;
  }

  note(told: Told): void {
    this.#told.push(told);
  }

  found(what: string): void {
    this.#found.push(what);
  }

  /** What has happened since the last report. */
  report(): ShopMessage {
    const counts = { ...this.counts };
    Object.assign(this.counts, noCounts());
    const marks = [...this.#marks];
    this.#marks.clear();
    return { kind: 'report', told: this.#told.splice(0), counts, marks, found: this.#found.splice(0) };
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await work();
      await delay(this.#random() * 20);
    }
  }

  async #watchWork(): Promise<void> {
    while (!this.#isOver) {
      // Where it cannot be asked it is as before.
      this.#isBehind = await this.#isBehindNow(mostLeft).catch(() => this.#isBehind);
      await delay(betweenLooks);
    }
  }

  async #order(): Promise<void> {
    if (this.#isBehind) return;
    this.#next += 1;
    this.counts.orders += 1;
    const order: Order = {
      id: `${this.#settings.name}-${this.#next}`,
      product: this.#oneOf(products),
      customer: this.#oneOf(customers),
      quantity: this.#oneOf(3),
      price: this.#oneOf(100),
    };
    const manner: Manner = {
      isIdempotent: this.#chance(0.5),
      againAfter: this.#chance(0.3) ? this.#random() * 80 : undefined,
      isDeclined: this.#chance(0.15),
      isTriedFirst: this.#chance(0.2),
      isSerializable: this.#chance(0.15),
      isHurried: this.#chance(0.1),
      // On SQLite there is one writer: one inside of another is refused.
      isWrittenDown: this.#chance(0.2) && this.#settings.engine !== 'sqlite',
    };
    const isRegretted = this.#chance(0.25);
    const told = await this.#checkout.place(order, manner, () => this.#isOver);
    if (told === 'unknown') {
      this.counts.unknown += 1;
      return;
    }
    this.#told.push(told);
    if (told.outcome === 'sold') {
      this.counts.sold += 1;
      if (isRegretted) await this.#regret(order);
    } else if (told.why === 'declined') this.counts.declined += 1;
    else this.counts.failed += 1;
  }

  /** It is the saga that knows what has become of it. */
  async #regret({ id }: Order): Promise<void> {
    await delay(this.#random() * 60);
    await this.#shipping.cancel(id).catch(() => {});
  }

  async #look(): Promise<void> {
    try {
      const { mark, isHit } = await this.#stock.check(this.#oneOf(products));
      this.counts.reads += 1;
      if (isHit) this.counts.hits += 1;
      this.#marks.add(mark);
    } catch {
      // Servers are away here; only answers count.
      await delay(50);
    }
  }

  /** A number from 1 to the given one. */
  #oneOf(most: number): number {
    return 1 + Math.floor(this.#random() * most);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }
}
