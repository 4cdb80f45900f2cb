export { decodeContext, encodeContext, type ReceivedContext, type WireContext } from './context.ts';
export { InvalidContextError, invalidContext } from './errors.ts';
export type { HeaderCarrier } from './headers.ts';
export {
  createPropagationFor,
  propagationChecks,
  type InjectOptions,
  type Propagation as ContextPropagation,
  type PropagationOptions,
} from './propagation.ts';
