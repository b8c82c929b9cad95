export * from './Elapsed';
export * from './Empty';
export * from './ErrorBanner';
export * from './MenuButton';
export * from './StateIcon';
export * from './words';
