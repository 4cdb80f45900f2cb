/**
 * The level on which a part of a chain stands where it holds nothing: that of what came from outside, an explicit one, or
 * that of an isolated frame. Once what gave it has ended, what was left running stands on the ground below.
 */
export class Ground {
  readonly level: number;
  #below: Ground | undefined;
  #hasEnded = false;

  constructor(level: number, below?: Ground) {
    this.level = level;
    this.#below = below;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The nearest one below that has not ended. */
  get below(): Ground | undefined {
    return (this.#below = groundNow(this.#below));
  }

  /** The work that set the level has ended. Whatever it left running is not waited for. */
  end(): void {
    this.#hasEnded = true;
    this.#below = groundNow(this.#below);
  }
}

/** A ground, or what is below it once it has ended. */
export function groundNow(ground: Ground | undefined): Ground | undefined {
  return ground?.hasEnded === true ? ground.below : ground;
}
