import { SluiceError } from '../core/index.ts';

/** The tables of transactional events are not there, or not those of this version. */
export class EventTablesMissingError extends SluiceError {
  static override readonly code = 'EVENT_TABLES_MISSING';
  override readonly code = 'EVENT_TABLES_MISSING';
}

/** An event was published where no transaction is open on the client of its publications. Nothing was published. */
export class EventOutsideTransactionError extends SluiceError {
  static override readonly code = 'EVENT_OUTSIDE_TRANSACTION';
  override readonly code = 'EVENT_OUTSIDE_TRANSACTION';
}
