export {
  App,
  type AppOptions,
  type BeanMembers,
  type BoundCaches,
  type BoundModels,
  type CacheDefinitions,
  createApp,
  type ModelDefinitions,
  type Scope,
} from './app.ts';
