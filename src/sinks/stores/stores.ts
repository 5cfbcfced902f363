// What speaks to each store: loaded when a sink of that kind is first used, with its cryptography.

import type { Environment } from '../../programs/child-environment.ts';
import type { StoreSpec } from '../../config/store-spec.ts';
import { ok, type Result } from '../../failure.ts';
import type { SinkProblem } from '../sink.ts';
import type { Store } from './store.ts';

export async function openStore(spec: StoreSpec, environment: Environment): Promise<Result<Store, SinkProblem>> {
  switch (spec.type) {
    case 'vault':
      return (await import('./vault.ts')).openVault(spec, environment);
    case 'k8s':
      return ok((await import('./kubernetes.ts')).openKubernetes(spec, environment));
    case 'aws-sm':
      return (await import('./aws-secrets-manager.ts')).openSecretsManager(spec, environment);
    case 'aws-ssm':
      return (await import('./aws-parameter.ts')).openParameterStore(spec, environment);
    case 'github':
      return (await import('./github.ts')).openGithub(spec, environment);
  }
}
