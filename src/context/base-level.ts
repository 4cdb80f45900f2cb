import { nextId } from '../core/index.ts';

/** The job that a holder is a part of. */
export interface HeldByJob {
  /** The job's UUID. */
  readonly id: string;
  /** The name of its queue. */
  readonly queue: string;
  /** The level at which it runs: its lane. */
  readonly level: number;
  /** How many jobs its worker runs at once in that lane. */
  readonly concurrency: number;
}

/**
 * The level on which a part of a chain stands where it holds nothing: that of what came from outside, an explicit one, or
 * that of an isolated frame. Once what gave it has ended, what was left running stands on the one below.
 */
export class BaseLevel {
  readonly level: number;
  #below: BaseLevel | undefined;
  #hasEnded = false;
  #id: string | undefined;
  /** The job that began with it, if it is one. */
  readonly job: HeldByJob | undefined;

  /** @param id names what begins with it; by default it gets a name when it is first asked for */
  constructor(level: number, below?: BaseLevel, id?: string, job?: HeldByJob) {
    this.job = job;
    this.level = level;
    this.#below = below;
    this.#id = id;
  }

  /** Names the part of a chain that began with it, for what looks on from outside. */
  get id(): string {
    return (this.#id ??= nextId());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The nearest one below that has not ended. */
  get below(): BaseLevel | undefined {
    return (this.#below = baseLevelNow(this.#below));
  }

  /** The work that set the level has ended. Whatever it left running is not waited for. */
  end(): void {
    this.#hasEnded = true;
    this.#below = baseLevelNow(this.#below);
  }
}

/** A base level, or the one below it once it has ended. */
export function baseLevelNow(baseLevel: BaseLevel | undefined): BaseLevel | undefined {
  return baseLevel?.hasEnded === true ? baseLevel.below : baseLevel;
}
