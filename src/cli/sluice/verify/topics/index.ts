import type { Topic } from '../bench/bench.ts';
import { advisoryLocks } from './advisory-locks.ts';
import { cancel } from './cancel.ts';
import { commitOutcome } from './commit-outcome.ts';
import { isolation } from './isolation.ts';
import { lockDetection } from './lock-detection.ts';
import { notifications } from './notifications.ts';
import { prepared } from './prepared.ts';
import { propagation } from './propagation.ts';
import { roundTrips } from './round-trips.ts';
import { savepoints } from './savepoints.ts';

/** What is looked into, in the order of the table. */
export const topics: readonly Topic[] = [
  propagation,
  savepoints,
  isolation,
  roundTrips,
  prepared,
  cancel,
  lockDetection,
  advisoryLocks,
  notifications,
  commitOutcome,
];
