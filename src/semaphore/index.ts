export type { PermitOptions, SemaphoreOptions } from './options.ts'
export type { Permit, Semaphore } from './semaphore.ts'
export type { PermitHolder, SemaphoreView } from './view.ts'
