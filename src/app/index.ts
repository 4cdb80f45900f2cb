export {
  App,
  type AppOptions,
  type BeanMembers,
  type BoundModels,
  createApp,
  type ModelDefinitions,
  type Scope,
} from './app.ts';
