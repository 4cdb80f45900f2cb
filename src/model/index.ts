export {
  type ColumnOf,
  defineModel,
  type KeyOf,
  type ModelCacheOptions,
  type ModelDefinition,
  type ModelOptions,
  type RowOf,
} from './definition.ts';
export type { ModelCacheStatistics } from './caching.ts';
export { InvalidModelCallError } from './errors.ts';
export { createModel, Model } from './model.ts';
export type { SelectOptions, UpdateOptions } from './options.ts';
export {
  type Conditions,
  type Either,
  either,
  everyRow,
  gt,
  gte,
  inList,
  like,
  lt,
  lte,
  ne,
  notInList,
  type Operator,
  type Where,
} from './operators.ts';
