using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Kubernetes.Config;

/// <summary>The cluster that the process runs in: address from the environment, credential from the service account's folder.</summary>
public static class InCluster
{
    /// <summary>Where Kubernetes mounts a pod's service account.</summary>
    public const string ServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>Whether this process has been given an API server's address and a token.</summary>
    public static bool IsInside =>
        Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is { Length: > 0 } && File.Exists(Path.Combine(ServiceAccountFolder, "token"));

    /// <summary>Reads the configuration.</summary>
    /// <exception cref="KubeConfigException">The process is not in a cluster, or the folder lacks something.</exception>
    public static ClientConfiguration Load(string folder = ServiceAccountFolder, Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        var host = environment("KUBERNETES_SERVICE_HOST");
        var port = environment("KUBERNETES_SERVICE_PORT") ?? "443";
        if (string.IsNullOrEmpty(host))
        {
            throw new KubeConfigException("Not in a cluster: KUBERNETES_SERVICE_HOST is not set.");
        }
        var token = Path.Combine(folder, "token");
        var authority = Path.Combine(folder, "ca.crt");
        var ns = Path.Combine(folder, "namespace");
        if (!File.Exists(token))
        {
            throw new KubeConfigException($"Not in a cluster: there is no {token}.");
        }
        X509Certificate2Collection? authorities = null;
        if (File.Exists(authority))
        {
            authorities = [];
            authorities.ImportFromPemFile(authority);
        }
        return new ClientConfiguration
        {
            Server = new Uri($"https://{(host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host)}:{port}/"),
            CertificateAuthorities = authorities,
            Tokens = new FileTokenSource(token),
            Namespace = File.Exists(ns) ? File.ReadAllText(ns).Trim() : "default",
        };
    }
}
