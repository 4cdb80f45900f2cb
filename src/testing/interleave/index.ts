export type { Anomaly, AnomalyKind, StatementPair, TriedRemedy } from './anomaly.ts';
export { AnomalyFoundError, InterleaveActorError, InterleaveSetupError, NothingInterleavedError } from './errors.ts';
export { interleave } from './interleave.ts';
export type { InterleaveOptions } from './options.ts';
export { InterleaveReport } from './report.ts';
export type { InterleavedEnd, InterleavedStep } from './timeline.ts';
