using System.Text.Json;
using Chat.Cells.Kubernetes.Config;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>Tells failures of the API server, of the way to it and of the credential, which may pass, from defects, which must not be swallowed.</summary>
public static class ApiFailure
{
    /// <summary>True where trying again later makes sense. Cancellation is the caller's to judge.</summary>
    public static bool Is(Exception e) =>
        e is KubernetesException or HttpRequestException or IOException or TimeoutException or JsonException or KubeConfigException;
}
