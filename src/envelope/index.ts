export { decodeContext, encodeContext, type ReceivedContext, type WireContext } from './context.ts';
export { InvalidContextError, invalidContext } from './errors.ts';
export type { HeaderCarrier } from './headers.ts';
export {
  createContextCarrierFor,
  contextCarrierChecks,
  type InjectOptions,
  type ContextCarrier,
  type ContextCarrierOptions,
} from './context-carrier.ts';
