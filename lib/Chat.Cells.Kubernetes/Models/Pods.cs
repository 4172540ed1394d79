namespace Chat.Cells.Kubernetes.Models;

/// <summary>A pod.</summary>
[KubernetesEntity(ApiVersion = "v1", Kind = "Pod", PluralName = "pods")]
public sealed record V1Pod : KubernetesObject
{
    public V1PodSpec? Spec { get; init; }
    public V1PodStatus? Status { get; init; }
}

/// <summary>The pod that a workload makes.</summary>
public sealed record V1PodTemplateSpec : KubernetesModel
{
    public V1ObjectMeta Metadata { get; init; } = new();
    public V1PodSpec? Spec { get; init; }
}

/// <summary>What a pod runs.</summary>
public sealed record V1PodSpec : KubernetesModel
{
    public IReadOnlyList<V1Container> Containers { get; init; } = [];
    public IReadOnlyList<V1Container>? InitContainers { get; init; }
    public IReadOnlyList<V1Volume>? Volumes { get; init; }

    /// <summary><c>Always</c>, <c>OnFailure</c> or <c>Never</c>.</summary>
    public string? RestartPolicy { get; init; }

    /// <summary>Seconds between SIGTERM and SIGKILL.</summary>
    public long? TerminationGracePeriodSeconds { get; init; }
    public string? ServiceAccountName { get; init; }
    public bool? AutomountServiceAccountToken { get; init; }
    public bool? EnableServiceLinks { get; init; }
    public string? NodeName { get; init; }
    public string? Hostname { get; init; }
    public string? Subdomain { get; init; }
    public string? PriorityClassName { get; init; }
    public V1PodSecurityContext? SecurityContext { get; init; }
    public IReadOnlyList<V1LocalObjectReference>? ImagePullSecrets { get; init; }
    public IReadOnlyList<V1TopologySpreadConstraint>? TopologySpreadConstraints { get; init; }
}

/// <summary>How pods spread over zones and nodes.</summary>
public sealed record V1TopologySpreadConstraint : KubernetesModel
{
    public required int MaxSkew { get; init; }
    public required string TopologyKey { get; init; }
    public required string WhenUnsatisfiable { get; init; }
    public V1LabelSelector? LabelSelector { get; init; }
}

/// <summary>A name in the same namespace.</summary>
public sealed record V1LocalObjectReference : KubernetesModel
{
    public string? Name { get; init; }
}

/// <summary>Security of all containers of a pod.</summary>
public sealed record V1PodSecurityContext : KubernetesModel
{
    public bool? RunAsNonRoot { get; init; }
    public long? RunAsUser { get; init; }
    public long? RunAsGroup { get; init; }
    public long? FsGroup { get; init; }
    public string? FsGroupChangePolicy { get; init; }
    public V1SeccompProfile? SeccompProfile { get; init; }
}

/// <summary>Seccomp profile.</summary>
public sealed record V1SeccompProfile : KubernetesModel
{
    public required string Type { get; init; }
}

/// <summary>Security of one container.</summary>
public sealed record V1SecurityContext : KubernetesModel
{
    public bool? AllowPrivilegeEscalation { get; init; }
    public bool? ReadOnlyRootFilesystem { get; init; }
    public bool? RunAsNonRoot { get; init; }
    public V1Capabilities? Capabilities { get; init; }
}

/// <summary>Linux capabilities.</summary>
public sealed record V1Capabilities : KubernetesModel
{
    public IReadOnlyList<string>? Add { get; init; }
    public IReadOnlyList<string>? Drop { get; init; }
}

/// <summary>A container.</summary>
public sealed record V1Container : KubernetesModel
{
    public required string Name { get; init; }
    public string? Image { get; init; }
    public string? ImagePullPolicy { get; init; }
    public IReadOnlyList<string>? Command { get; init; }
    public IReadOnlyList<string>? Args { get; init; }
    public string? WorkingDir { get; init; }
    public IReadOnlyList<V1EnvVar>? Env { get; init; }
    public IReadOnlyList<V1EnvFromSource>? EnvFrom { get; init; }
    public IReadOnlyList<V1ContainerPort>? Ports { get; init; }
    public IReadOnlyList<V1VolumeMount>? VolumeMounts { get; init; }
    public V1ResourceRequirements? Resources { get; init; }
    public V1Probe? LivenessProbe { get; init; }
    public V1Probe? ReadinessProbe { get; init; }
    public V1Probe? StartupProbe { get; init; }
    public V1Lifecycle? Lifecycle { get; init; }
    public V1SecurityContext? SecurityContext { get; init; }
}

/// <summary>Hooks of a container.</summary>
public sealed record V1Lifecycle : KubernetesModel
{
    public V1LifecycleHandler? PostStart { get; init; }
    public V1LifecycleHandler? PreStop { get; init; }
}

/// <summary>What a hook does.</summary>
public sealed record V1LifecycleHandler : KubernetesModel
{
    public V1ExecAction? Exec { get; init; }
    public V1HttpGetAction? HttpGet { get; init; }
}

/// <summary>An environment variable.</summary>
public sealed record V1EnvVar : KubernetesModel
{
    public required string Name { get; init; }
    public string? Value { get; init; }
    public V1EnvVarSource? ValueFrom { get; init; }
}

/// <summary>Where an environment variable's value comes from.</summary>
public sealed record V1EnvVarSource : KubernetesModel
{
    public V1ObjectFieldSelector? FieldRef { get; init; }
    public V1KeySelector? ConfigMapKeyRef { get; init; }
    public V1KeySelector? SecretKeyRef { get; init; }
}

/// <summary>A field of the pod (downward API).</summary>
public sealed record V1ObjectFieldSelector : KubernetesModel
{
    public string? ApiVersion { get; init; }
    public required string FieldPath { get; init; }
}

/// <summary>A key of a ConfigMap or Secret.</summary>
public sealed record V1KeySelector : KubernetesModel
{
    public string? Name { get; init; }
    public required string Key { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>All keys of a ConfigMap or Secret as variables.</summary>
public sealed record V1EnvFromSource : KubernetesModel
{
    public string? Prefix { get; init; }
    public V1EnvSource? ConfigMapRef { get; init; }
    public V1EnvSource? SecretRef { get; init; }
}

/// <summary>A ConfigMap or Secret as a whole.</summary>
public sealed record V1EnvSource : KubernetesModel
{
    public string? Name { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>A port that a container listens on.</summary>
public sealed record V1ContainerPort : KubernetesModel
{
    public string? Name { get; init; }
    public required int ContainerPort { get; init; }
    public string? Protocol { get; init; }
    public int? HostPort { get; init; }
}

/// <summary>A volume seen in a container.</summary>
public sealed record V1VolumeMount : KubernetesModel
{
    public required string Name { get; init; }
    public required string MountPath { get; init; }
    public string? SubPath { get; init; }
    public bool? ReadOnly { get; init; }
}

/// <summary>Requests and limits.</summary>
public sealed record V1ResourceRequirements : KubernetesModel
{
    public IReadOnlyDictionary<string, Quantity>? Requests { get; init; }
    public IReadOnlyDictionary<string, Quantity>? Limits { get; init; }
}

/// <summary>A probe; durations in seconds.</summary>
public sealed record V1Probe : KubernetesModel
{
    public V1HttpGetAction? HttpGet { get; init; }
    public V1TcpSocketAction? TcpSocket { get; init; }
    public V1ExecAction? Exec { get; init; }
    public int? InitialDelaySeconds { get; init; }
    public int? PeriodSeconds { get; init; }
    public int? TimeoutSeconds { get; init; }
    public int? SuccessThreshold { get; init; }
    public int? FailureThreshold { get; init; }
    public long? TerminationGracePeriodSeconds { get; init; }
}

/// <summary>Probe by HTTP GET.</summary>
public sealed record V1HttpGetAction : KubernetesModel
{
    public string? Path { get; init; }
    public required IntOrString Port { get; init; }
    public string? Host { get; init; }
    public string? Scheme { get; init; }
    public IReadOnlyList<V1HttpHeader>? HttpHeaders { get; init; }
}

/// <summary>A header of an HTTP probe.</summary>
public sealed record V1HttpHeader : KubernetesModel
{
    public required string Name { get; init; }
    public required string Value { get; init; }
}

/// <summary>Probe by TCP connect.</summary>
public sealed record V1TcpSocketAction : KubernetesModel
{
    public required IntOrString Port { get; init; }
    public string? Host { get; init; }
}

/// <summary>Probe or hook by command.</summary>
public sealed record V1ExecAction : KubernetesModel
{
    public IReadOnlyList<string>? Command { get; init; }
}
