import { SluiceError } from '../../core/index.ts';

/** `interleave` cannot begin each order from the same state: its setup failed or does not end, nor does its invariant, or it may not run on this database. */
export class InterleaveSetupError extends SluiceError {
  static override readonly code = 'INTERLEAVE_SETUP';
  override readonly code = 'INTERLEAVE_SETUP';
}

/** An actor does what `interleave` cannot put in an order, or does not end. */
export class InterleaveActorError extends SluiceError {
  static override readonly code = 'INTERLEAVE_ACTOR';
  override readonly code = 'INTERLEAVE_ACTOR';
}

/** `assertSerializable` of a report that says nothing: the actors ran one after the other in all orders that were tried, and there are others. */
export class NothingInterleavedError extends SluiceError {
  static override readonly code = 'NOTHING_INTERLEAVED';
  override readonly code = 'NOTHING_INTERLEAVED';
}

/** Some order of the statements of the actors has a result that it must not have. Its message is the report. */
export class AnomalyFoundError extends SluiceError {
  static override readonly code = 'ANOMALY_FOUND';
  override readonly code = 'ANOMALY_FOUND';
}
