using YamlDotNet.Serialization;

namespace Chat.Cells.Kubernetes.Config;

/// <summary>The file as written; only what is used. Set by the YAML reader.</summary>
internal sealed class KubeConfigFile
{
    public string? CurrentContext { get; set; }
    public List<NamedCluster>? Clusters { get; set; }
    public List<NamedContext>? Contexts { get; set; }
    public List<NamedUser>? Users { get; set; }
}

internal sealed class NamedCluster
{
    public string? Name { get; set; }
    public ClusterEntry? Cluster { get; set; }
}

internal sealed class ClusterEntry
{
    public string? Server { get; set; }
    public string? CertificateAuthority { get; set; }
    public string? CertificateAuthorityData { get; set; }
    public bool InsecureSkipTlsVerify { get; set; }
    public string? TlsServerName { get; set; }
}

internal sealed class NamedContext
{
    public string? Name { get; set; }
    public ContextEntry? Context { get; set; }
}

internal sealed class ContextEntry
{
    public string? Cluster { get; set; }
    public string? User { get; set; }
    public string? Namespace { get; set; }
}

internal sealed class NamedUser
{
    public string? Name { get; set; }
    public UserEntry? User { get; set; }
}

internal sealed class UserEntry
{
    public string? ClientCertificate { get; set; }
    public string? ClientCertificateData { get; set; }
    public string? ClientKey { get; set; }
    public string? ClientKeyData { get; set; }
    public string? Token { get; set; }

    [YamlMember(Alias = "tokenFile", ApplyNamingConventions = false)]
    public string? TokenFile { get; set; }
    public string? Username { get; set; }
    public Dictionary<string, object>? AuthProvider { get; set; }
    public ExecEntry? Exec { get; set; }
}

internal sealed class ExecEntry
{
    [YamlMember(Alias = "apiVersion", ApplyNamingConventions = false)]
    public string? ApiVersion { get; set; }
    public string? Command { get; set; }
    public List<string>? Args { get; set; }
    public List<EnvironmentEntry>? Env { get; set; }

    [YamlMember(Alias = "provideClusterInfo", ApplyNamingConventions = false)]
    public bool ProvideClusterInfo { get; set; }
}

internal sealed class EnvironmentEntry
{
    public string Name { get; set; } = string.Empty;
    public string Value { get; set; } = string.Empty;
}
