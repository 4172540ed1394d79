using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Chat.Cells.Kubernetes.Config;

/// <summary>
/// Reads kubeconfig files: contexts, certificates (inline or in files), tokens, token files and credential plugins. Files are relative to the
/// kubeconfig. Not here: proxies, user names with passwords, auth-providers (all refused in words).
/// </summary>
public static class KubeConfig
{
    /// <summary>Reads a kubeconfig file.</summary>
    /// <param name="path">The file. Of a list as in <c>KUBECONFIG=a:b</c> the first that exists is taken.</param>
    /// <param name="context">The context; null for the current one.</param>
    /// <exception cref="KubeConfigException">The file is missing or wrong; the message says where.</exception>
    public static ClientConfiguration Load(string path, string? context = null)
    {
        var files = path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var file = files.FirstOrDefault(File.Exists) ?? throw new KubeConfigException($"There is no kubeconfig '{path}'.");
        try
        {
            return Parse(File.ReadAllText(file), Path.GetDirectoryName(Path.GetFullPath(file))!, context, file);
        }
        catch (IOException e)
        {
            throw new KubeConfigException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Reads the text of a kubeconfig.</summary>
    public static ClientConfiguration Parse(string yaml, string folder, string? context = null, string source = "kubeconfig")
    {
        var file = Deserialize(yaml, source);
        var contextName = context ?? file.CurrentContext;
        if (string.IsNullOrEmpty(contextName))
        {
            throw new KubeConfigException($"{source}: no current-context, and none was asked for.");
        }
        var chosen = file.Contexts?.FirstOrDefault(c => c.Name == contextName)?.Context
            ?? throw new KubeConfigException($"{source}: there is no context '{contextName}'.");
        var cluster = file.Clusters?.FirstOrDefault(c => c.Name == chosen.Cluster)?.Cluster
            ?? throw new KubeConfigException($"{source}: context '{contextName}' names the cluster '{chosen.Cluster}', which is not there.");
        var user = string.IsNullOrEmpty(chosen.User)
            ? new UserEntry()
            : file.Users?.FirstOrDefault(u => u.Name == chosen.User)?.User
              ?? throw new KubeConfigException($"{source}: context '{contextName}' names the user '{chosen.User}', who is not there.");
        if (!Uri.TryCreate(cluster.Server, UriKind.Absolute, out var server) || server.Scheme is not ("http" or "https"))
        {
            throw new KubeConfigException($"{source}: the server of cluster '{chosen.Cluster}' is not an http(s) address: '{cluster.Server}'.");
        }
        try
        {
            var authority = Bytes(cluster.CertificateAuthorityData, cluster.CertificateAuthority, folder);
            return new ClientConfiguration
            {
                Server = server,
                Namespace = string.IsNullOrEmpty(chosen.Namespace) ? "default" : chosen.Namespace,
                InsecureSkipTlsVerify = cluster.InsecureSkipTlsVerify,
                TlsServerName = cluster.TlsServerName,
                CertificateAuthorities = authority is null ? null : Authorities(authority),
                ClientCertificate = Certificate(user, folder),
                Tokens = Tokens(user, cluster, folder, source),
            };
        }
        catch (Exception e) when (e is FormatException or CryptographicException or IOException or ArgumentException)
        {
            throw new KubeConfigException($"{source}: a certificate or key of context '{contextName}' can't be read: {e.Message}", e);
        }
    }

    private static KubeConfigFile Deserialize(string yaml, string source)
    {
        try
        {
            return new DeserializerBuilder().WithNamingConvention(HyphenatedNamingConvention.Instance).IgnoreUnmatchedProperties().Build()
                .Deserialize<KubeConfigFile?>(yaml) ?? throw new KubeConfigException($"{source}: the file is empty.");
        }
        catch (YamlException e)
        {
            throw new KubeConfigException($"{source}, line {e.Start.Line}: {e.Message}", e);
        }
    }

    private static ITokenSource? Tokens(UserEntry user, ClusterEntry cluster, string folder, string source)
    {
        // A token file wins over a token, as in client-go.
        if (!string.IsNullOrEmpty(user.TokenFile))
        {
            return new FileTokenSource(Path.Combine(folder, user.TokenFile));
        }
        if (!string.IsNullOrEmpty(user.Token))
        {
            return new StaticTokenSource(user.Token);
        }
        if (user.Exec is { } exec)
        {
            if (string.IsNullOrEmpty(exec.Command) || string.IsNullOrEmpty(exec.ApiVersion))
            {
                throw new KubeConfigException($"{source}: a credential plugin needs command and apiVersion.");
            }
            var command = exec.Command.Contains('/') ? Path.Combine(folder, exec.Command) : exec.Command;
            var variables = (exec.Env ?? []).ToDictionary(v => v.Name, v => v.Value);
            var info = exec.ProvideClusterInfo
                ? JsonSerializer.Serialize(new Dictionary<string, object?>
                {
                    ["server"] = cluster.Server,
                    ["insecure-skip-tls-verify"] = cluster.InsecureSkipTlsVerify,
                    ["certificate-authority-data"] = Bytes(cluster.CertificateAuthorityData, cluster.CertificateAuthority, folder),
                })
                : null;
            return new ExecTokenSource(new ExecCommand(command, exec.Args ?? [], variables, exec.ApiVersion, info));
        }
        if (user.Username is not null || user.AuthProvider is not null)
        {
            throw new KubeConfigException($"{source}: user names with passwords and auth-providers are not supported here; use a certificate, a token or an exec plugin.");
        }
        return null;
    }

    private static X509Certificate2? Certificate(UserEntry user, string folder)
    {
        var certificate = Bytes(user.ClientCertificateData, user.ClientCertificate, folder);
        var key = Bytes(user.ClientKeyData, user.ClientKey, folder);
        return certificate is null || key is null ? null : X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(certificate), Encoding.UTF8.GetString(key));
    }

    private static X509Certificate2Collection Authorities(byte[] pem)
    {
        var collection = new X509Certificate2Collection();
        collection.ImportFromPem(Encoding.UTF8.GetString(pem));
        return collection.Count > 0 ? collection : throw new FormatException("no certificate in certificate-authority");
    }

    private static byte[]? Bytes(string? inline, string? file, string folder)
    {
        if (!string.IsNullOrEmpty(inline))
        {
            return Convert.FromBase64String(inline);
        }
        return string.IsNullOrEmpty(file) ? null : File.ReadAllBytes(Path.Combine(folder, file));
    }
}
