namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>The kinds that are served without a CRD.</summary>
internal static class BuiltInKinds
{
    private const string NotEnforced = "is stored but not enforced here: LocalCluster has no component that acts on it";

    public static IReadOnlyList<ResourceKind> All { get; } =
    [
        Make("", "v1", "Namespace", "namespaces", ["ns"], "Namespace", new NamespaceRules(), namespaced: false, status: true),
        Make("", "v1", "Pod", "pods", ["po"], "Pod", new PodRules(), status: true, categories: ["all"]),
        Make("", "v1", "Service", "services", ["svc"], "Service", new ServiceRules(), status: true, categories: ["all"]),
        Make("", "v1", "ConfigMap", "configmaps", ["cm"], "ConfigMap", new DataRules(isSecret: false)),
        Make("", "v1", "Secret", "secrets", [], "Secret", new DataRules(isSecret: true)),
        Make("", "v1", "ServiceAccount", "serviceaccounts", ["sa"], "ServiceAccount", KindRules.None),
        Make("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", ["pvc"], "PersistentVolumeClaim", new ClaimRules(), status: true),
        Make("", "v1", "Node", "nodes", ["no"], "Node", new NodeRules(), namespaced: false, status: true),
        Make("", "v1", "Event", "events", ["ev"], "CoreEvent", new EventRules()),
        Make("coordination.k8s.io", "v1", "Lease", "leases", [], "Lease", new LeaseRules()),
        Make("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", [], "EndpointSlice", new EndpointSliceRules(), generation: true),
        Make("apps", "v1", "StatefulSet", "statefulsets", ["sts"], "StatefulSet", new WorkloadRules(isStatefulSet: true), status: true, scale: true, generation: true, categories: ["all"]),
        Make("apps", "v1", "Deployment", "deployments", ["deploy"], "Deployment", new WorkloadRules(isStatefulSet: false), status: true, scale: true, generation: true, categories: ["all"]),
        Make("apps", "v1", "ReplicaSet", "replicasets", ["rs"], "ReplicaSet", new WorkloadRules(isStatefulSet: false), status: true, scale: true, generation: true, categories: ["all"]),
        Make("apps", "v1", "ControllerRevision", "controllerrevisions", [], "ControllerRevision", KindRules.None),
        Make("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", ["crd", "crds"], "CustomResourceDefinition", new CrdRules(), namespaced: false, status: true, generation: true, categories: ["api-extensions"]),
        Make("rbac.authorization.k8s.io", "v1", "Role", "roles", [], "RulesHolder", new PathNameRules(), warning: NotEnforced),
        Make("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", [], "Binding", new PathNameRules(), warning: NotEnforced),
        Make("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", [], "RulesHolder", new PathNameRules(), namespaced: false, warning: NotEnforced),
        Make("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", [], "Binding", new PathNameRules(), namespaced: false, warning: NotEnforced),
        Make("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ["netpol"], "NetworkPolicy", KindRules.None, generation: true, warning: NotEnforced),
        Make("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ["pdb"], "PodDisruptionBudget", KindRules.None, status: true, generation: true, warning: NotEnforced),
    ];

    private static ResourceKind Make(
        string group,
        string version,
        string kind,
        string plural,
        string[] shortNames,
        string schema,
        KindRules rules,
        bool namespaced = true,
        bool status = false,
        bool scale = false,
        bool generation = false,
        string warning = "",
        string[]? categories = null) => new()
        {
            Group = group,
            Kind = kind,
            Plural = plural,
            Singular = kind.ToLowerInvariant(),
            ListKind = kind + "List",
            ShortNames = shortNames,
            Categories = categories ?? [],
            Namespaced = namespaced,
            StorageVersion = version,
            HasGeneration = generation,
            Rules = rules,
            Versions =
            [
                new ServedVersion(version, BuiltInSchemas.Get(schema))
                {
                    HasStatus = status,
                    Scale = scale ? new ScalePaths(".spec.replicas", ".status.replicas", ".spec.selector") : null,
                    Columns = BuiltInColumns.For(kind),
                    Warning = warning.Length == 0 ? "" : $"{kind} {warning}",
                },
            ],
        };
}
