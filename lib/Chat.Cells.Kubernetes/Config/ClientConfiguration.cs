using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Kubernetes.Config;

/// <summary>Where the API server is and how to log in. Made by <see cref="KubeConfig"/> or <see cref="InCluster"/>.</summary>
public sealed record ClientConfiguration
{
    private readonly Uri _server = null!;

    /// <summary>Address of the API server, with a path if it lives under one.</summary>
    public required Uri Server
    {
        get => _server;
        init => _server = value.AbsoluteUri.EndsWith('/') ? value : new Uri(value.AbsoluteUri + "/");
    }

    /// <summary>Namespace for those who name none.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Authorities that vouch for the server; null for the machine's own.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Do not check the server's certificate.</summary>
    public bool InsecureSkipTlsVerify { get; init; }

    /// <summary>The name in the server's certificate, when it is not that of the address.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>Client certificate with its key.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Bearer tokens.</summary>
    public ITokenSource? Tokens { get; init; }

    /// <summary>How long a request may take, watches and logs apart.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The usual search: a kubeconfig named by <paramref name="path"/> or by <c>KUBECONFIG</c>, else the cluster that the process runs in,
    /// else <c>~/.kube/config</c>.
    /// </summary>
    /// <exception cref="KubeConfigException">Nothing found, or what was found is wrong.</exception>
    public static ClientConfiguration Default(string? path = null, string? context = null)
    {
        path ??= Environment.GetEnvironmentVariable("KUBECONFIG");
        if (!string.IsNullOrEmpty(path))
        {
            return KubeConfig.Load(path, context);
        }
        if (InCluster.IsInside)
        {
            return InCluster.Load();
        }
        var home = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config");
        return File.Exists(home)
            ? KubeConfig.Load(home, context)
            : throw new KubeConfigException($"No cluster: KUBECONFIG is not set, this process is not in a cluster, and there is no {home}.");
    }

    /// <inheritdoc/>
    public override string ToString() => Server.ToString();
}

/// <summary>A kubeconfig, a service account folder or a credential plugin that cannot be used; the message says which and why.</summary>
public sealed class KubeConfigException(string message, Exception? inner = null) : Exception(message, inner);
