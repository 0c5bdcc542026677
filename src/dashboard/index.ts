export { createDashboard, type Dashboard, type DashboardOptions } from './dashboard.ts'
export { type DashboardServer, type ServeOptions, serveDashboard } from './serve.ts'
