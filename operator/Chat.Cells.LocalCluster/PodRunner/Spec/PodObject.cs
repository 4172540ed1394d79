using System.Text.Json.Serialization;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>A Pod as the runner reads it. What it does not read is in the members called Others; <see cref="PodFields"/> decides what is said about it.</summary>
public sealed record PodObject
{
    public required PodMetadata Metadata { get; init; }

    public PodSpec Spec { get; init; } = new();

    public JsonObject? Status { get; init; }

    /// <summary>"namespace/name", as people write it.</summary>
    [JsonIgnore]
    public string Display => $"{Metadata.Namespace}/{Metadata.Name}";

    /// <summary>Reads a Pod as the API server sends it.</summary>
    /// <exception cref="JsonException">The object is not shaped like a Pod.</exception>
    public static PodObject Parse(JsonNode node) =>
        node.Deserialize<PodObject>(Options) ?? throw new JsonException("the Pod is empty");

    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = false,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };
}

public sealed record PodMetadata
{
    public string Name { get; init; } = "";

    public string Namespace { get; init; } = "default";

    public string Uid { get; init; } = "";

    public string? ResourceVersion { get; init; }

    public long? Generation { get; init; }

    public DateTimeOffset? DeletionTimestamp { get; init; }

    public long? DeletionGracePeriodSeconds { get; init; }

    public Dictionary<string, string>? Labels { get; init; }

    public Dictionary<string, string>? Annotations { get; init; }
}

public sealed record PodSpec
{
    public string? NodeName { get; init; }

    public string? SchedulerName { get; init; }

    public List<JsonObject>? SchedulingGates { get; init; }

    public string? RestartPolicy { get; init; }

    public long? TerminationGracePeriodSeconds { get; init; }

    public bool? AutomountServiceAccountToken { get; init; }

    public string? ServiceAccountName { get; init; }

    public string? Hostname { get; init; }

    public bool? HostNetwork { get; init; }

    public bool? HostPID { get; init; }

    public bool? HostIPC { get; init; }

    public Dictionary<string, string>? NodeSelector { get; init; }

    public List<ContainerSpec>? Containers { get; init; }

    public List<ContainerSpec>? InitContainers { get; init; }

    public List<JsonObject>? EphemeralContainers { get; init; }

    public List<VolumeSpec>? Volumes { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

public sealed record ContainerSpec
{
    public string Name { get; init; } = "";

    public string Image { get; init; } = "";

    public List<string>? Command { get; init; }

    public List<string>? Args { get; init; }

    public string? WorkingDir { get; init; }

    public List<EnvVarSpec>? Env { get; init; }

    public List<EnvFromSpec>? EnvFrom { get; init; }

    public List<ContainerPortSpec>? Ports { get; init; }

    public List<VolumeMountSpec>? VolumeMounts { get; init; }

    public List<JsonObject>? VolumeDevices { get; init; }

    public ProbeSpec? StartupProbe { get; init; }

    public ProbeSpec? LivenessProbe { get; init; }

    public ProbeSpec? ReadinessProbe { get; init; }

    public JsonObject? Lifecycle { get; init; }

    public bool? Tty { get; init; }

    public bool? Stdin { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

public sealed record EnvVarSpec
{
    public string Name { get; init; } = "";

    public string? Value { get; init; }

    public EnvVarSourceSpec? ValueFrom { get; init; }
}

public sealed record EnvVarSourceSpec
{
    public FieldRefSpec? FieldRef { get; init; }

    public KeyRefSpec? ConfigMapKeyRef { get; init; }

    public KeyRefSpec? SecretKeyRef { get; init; }

    public JsonObject? ResourceFieldRef { get; init; }

    public JsonObject? FileKeyRef { get; init; }
}

public sealed record FieldRefSpec
{
    public string FieldPath { get; init; } = "";
}

public sealed record KeyRefSpec
{
    public string Name { get; init; } = "";

    public string Key { get; init; } = "";

    public bool? Optional { get; init; }
}

public sealed record EnvFromSpec
{
    public string? Prefix { get; init; }

    public ObjectRefSpec? ConfigMapRef { get; init; }

    public ObjectRefSpec? SecretRef { get; init; }
}

public sealed record ObjectRefSpec
{
    public string Name { get; init; } = "";

    public bool? Optional { get; init; }
}

public sealed record ContainerPortSpec
{
    public string? Name { get; init; }

    public int ContainerPort { get; init; }

    public string? Protocol { get; init; }

    public int? HostPort { get; init; }
}

public sealed record VolumeMountSpec
{
    public string Name { get; init; } = "";

    public string MountPath { get; init; } = "";

    public string? SubPath { get; init; }

    public string? SubPathExpr { get; init; }

    public bool? ReadOnly { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

public sealed record VolumeSpec
{
    public string Name { get; init; } = "";

    public JsonObject? EmptyDir { get; init; }

    public ConfigMapVolumeSpec? ConfigMap { get; init; }

    public SecretVolumeSpec? Secret { get; init; }

    public ClaimVolumeSpec? PersistentVolumeClaim { get; init; }

    public ProjectedVolumeSpec? Projected { get; init; }

    /// <summary>Its files are objects of the API: they are only read, and change with the objects.</summary>
    [JsonIgnore]
    public bool IsOfObjects => ConfigMap is not null || Secret is not null || Projected is not null;

    /// <summary>Every other kind of volume, so that it can be named when it is refused.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

public sealed record ConfigMapVolumeSpec
{
    public string Name { get; init; } = "";

    public List<KeyToPathSpec>? Items { get; init; }

    public bool? Optional { get; init; }

    public int? DefaultMode { get; init; }
}

public sealed record SecretVolumeSpec
{
    public string SecretName { get; init; } = "";

    public List<KeyToPathSpec>? Items { get; init; }

    public bool? Optional { get; init; }

    public int? DefaultMode { get; init; }
}

/// <summary>Several ConfigMaps and Secrets in one folder.</summary>
public sealed record ProjectedVolumeSpec
{
    public List<ProjectionSpec>? Sources { get; init; }

    public int? DefaultMode { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>One source of a projected volume.</summary>
public sealed record ProjectionSpec
{
    public ProjectedObjectSpec? ConfigMap { get; init; }

    public ProjectedObjectSpec? Secret { get; init; }

    /// <summary>Every other kind of source, so that it can be named when it is refused.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

public sealed record ProjectedObjectSpec
{
    public string Name { get; init; } = "";

    public List<KeyToPathSpec>? Items { get; init; }

    public bool? Optional { get; init; }
}

public sealed record ClaimVolumeSpec
{
    public string ClaimName { get; init; } = "";

    public bool? ReadOnly { get; init; }
}

public sealed record KeyToPathSpec
{
    public string Key { get; init; } = "";

    public string Path { get; init; } = "";

    public int? Mode { get; init; }
}

public sealed record ProbeSpec
{
    public HttpGetSpec? HttpGet { get; init; }

    public TcpSocketSpec? TcpSocket { get; init; }

    public JsonObject? Exec { get; init; }

    public JsonObject? Grpc { get; init; }

    public int? InitialDelaySeconds { get; init; }

    public int? PeriodSeconds { get; init; }

    public int? TimeoutSeconds { get; init; }

    public int? SuccessThreshold { get; init; }

    public int? FailureThreshold { get; init; }

    /// <summary>Instead of the pod's, when this probe makes the container restart.</summary>
    public long? TerminationGracePeriodSeconds { get; init; }
}

public sealed record HttpGetSpec
{
    public string? Path { get; init; }

    public JsonNode? Port { get; init; }

    public string? Host { get; init; }

    public string? Scheme { get; init; }

    public List<HttpHeaderSpec>? HttpHeaders { get; init; }
}

public sealed record HttpHeaderSpec
{
    public string Name { get; init; } = "";

    public string Value { get; init; } = "";
}

public sealed record TcpSocketSpec
{
    public JsonNode? Port { get; init; }

    public string? Host { get; init; }
}
