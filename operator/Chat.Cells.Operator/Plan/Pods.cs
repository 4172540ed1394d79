using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Operator.Plan;

/// <summary>What all our pods have in common: the restricted security profile, no API token, a scratch folder.</summary>
internal static class Pods
{
    // The `app` user of .NET's images.
    private const long User = 1654;

    public static V1SecurityContext Restricted { get; } = new()
    {
        AllowPrivilegeEscalation = false,
        ReadOnlyRootFilesystem = true,
        RunAsNonRoot = true,
        Capabilities = new V1Capabilities { Drop = ["ALL"] },
    };

    public static V1VolumeMount ScratchMount { get; } = new() { Name = "tmp", MountPath = "/tmp" };

    public static IReadOnlyList<V1EnvVar> DownwardEnvironment { get; } =
    [
        new V1EnvVar { Name = "POD_NAME", ValueFrom = new V1EnvVarSource { FieldRef = new V1ObjectFieldSelector { FieldPath = "metadata.name" } } },
        new V1EnvVar { Name = "POD_IP", ValueFrom = new V1EnvVarSource { FieldRef = new V1ObjectFieldSelector { FieldPath = "status.podIP" } } },
    ];

    public static V1Probe Probe(string path, string port, int period, int failures) => new()
    {
        HttpGet = new V1HttpGetAction { Path = path, Port = port },
        PeriodSeconds = period,
        TimeoutSeconds = 5,
        FailureThreshold = failures,
    };

    public static V1PodSpec Hardened(V1Container container, long terminationGracePeriodSeconds, params V1Volume[] volumes) => new()
    {
        AutomountServiceAccountToken = false,
        EnableServiceLinks = false,
        TerminationGracePeriodSeconds = terminationGracePeriodSeconds,
        SecurityContext = new V1PodSecurityContext
        {
            RunAsNonRoot = true,
            RunAsUser = User,
            RunAsGroup = User,
            FsGroup = User,
            FsGroupChangePolicy = "OnRootMismatch",
            SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
        },
        Containers = [container],
        Volumes = [.. volumes, new V1Volume { Name = "tmp", EmptyDir = new V1EmptyDirVolumeSource() }],
    };
}
