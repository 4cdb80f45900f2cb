import { type Counts, noCounts, type ShopMessage, tried } from '../settings.ts';

/** What is told later comes behind it. */
interface LedgerLength {
  readonly sold: number;
  readonly marks: number;
}

/** What the shop has told to those outside of it. */
export class Ledger {
  /** Orders, and how it is known what has become of them. */
  readonly sold = new Map<string, string>();
  readonly notSold = new Map<string, string>();
  readonly marks = new Set<string>();
  readonly counts: Counts = noCounts();

  note({ told, counts, marks }: Extract<ShopMessage, { kind: 'report' }>): void {
    for (const name of Object.keys(counts) as (keyof Counts)[]) this.counts[name] += counts[name];
    for (const mark of marks) this.marks.add(mark);
    for (const { order, outcome, why = 'its caller was told so' } of told) {
      (outcome === 'sold' ? this.sold : this.notSold).set(order, why);
    }
  }

  /** How much has been told by now. */
  get length(): LedgerLength {
    return { sold: this.sold.size, marks: this.marks.size };
  }

  /**
   * What does not agree with the sales that there are.
   * @param sales how often each order is there
   * @param length what had been told before they were read
   */
  compare(sales: ReadonlyMap<string, number>, length: LedgerLength = this.length): string[] {
    const found: string[] = [];
    for (const [order, why] of [...this.sold].slice(0, length.sold))
      if (!sales.has(order)) found.push(`order ${order} is lost: it counts as sold (${why}), and is not there`);
    for (const [order, why] of this.notSold)
      if (sales.has(order)) found.push(`order ${order} is there, and counts as not sold (${why})`);
    for (const order of sales.keys())
      if (order.startsWith(tried)) found.push(`order ${order} is there, and its savepoint was rolled back`);
    for (const [order, times] of sales) if (times > 1) found.push(`order ${order} took effect ${times} times`);
    for (const mark of [...this.marks].slice(0, length.marks))
      if (!sales.has(mark) && !mark.startsWith('first '))
        found.push(`a cache has shown order ${mark}, which was rolled back`);
    return found;
  }
}
