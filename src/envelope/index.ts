export { decodeContext, encodeContext, type ReceivedContext, traceOf, type WireContext } from './context.ts';
export { type ContextRefusal, InvalidContextError, invalidContext } from './errors.ts';
export { type HeaderCarrier, readHeader, readHeaders } from './headers.ts';
export {
  contextHeaders,
  createContextCarrierFor,
  contextCarrierChecks,
  type InjectOptions,
  type ContextCarrier,
  type ContextCarrierOptions,
} from './context-carrier.ts';
export { runningTests, testHeader, testOf } from './test-requests.ts';
export { warnOfMissingSecret } from './missing-secret.ts';
export { isSignedBy, sign } from './signature.ts';
