/** The clock of a process, which may be wrong and be set: what tells the time of day is; timers and `performance.now()` go on as they do. */
export class WrongClock {
  /** Milliseconds by which it is wrong. */
  skew: number;

  constructor(skew: number) {
    this.skew = skew;
  }

  /** From now on the program has this clock, and no other one. */
  install(): void {
    const RealDate = Date;
    const now = (): number => RealDate.now() + this.skew;
    globalThis.Date = class extends RealDate {
      constructor(...parts: readonly unknown[]) {
        super(...((parts.length === 0 ? [now()] : parts) as [number]));
      }
      static override now = now;
    } as DateConstructor;
  }
}
