import { brokerRows } from './broker-rows.ts';
import { compatClsRows } from './compat-cls-rows.ts';
import { compatRows } from './compat-rows.ts';
import { coreRows } from './core-rows.ts';
import { driverRows } from './driver-rows.ts';
import { idempotencyRows } from './idempotency-rows.ts';
import { eventRows } from './event-rows.ts';
import { httpRows } from './http-rows.ts';
import { inspectorRows } from './inspector-rows.ts';
import { jobRows } from './job-rows.ts';
import { nestRows } from './nest-rows.ts';
import { portRows } from './port-rows.ts';
import type { Row } from './row.ts';
import { sagaRows } from './saga-rows.ts';
import { twoPhaseRows } from './two-phase-rows.ts';
import { storeRows } from './store-rows.ts';
import { telemetryRows } from './telemetry-rows.ts';

/** Every entrance that takes options. An option of the source that is not here fails the test. */
export const table: readonly Row[] = [
  ...coreRows,
  ...compatRows,
  ...compatClsRows,
  ...driverRows,
  ...storeRows,
  ...brokerRows,
  ...jobRows,
  ...portRows,
  ...nestRows,
  ...httpRows,
  ...eventRows,
  ...idempotencyRows,
  ...sagaRows,
  ...twoPhaseRows,
  ...telemetryRows,
  ...inspectorRows,
];
