using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Chat.Cells.Http;
using Chat.Cells.Kubernetes.Config;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>Connections to the API server: TLS as configured, TCP keep-alive so that a dead peer ends a watch.</summary>
internal static class Transport
{
    public static SocketsHttpHandler Create(ClientConfiguration configuration)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            ConnectCallback = TcpKeepAlive.Connect(idle: TimeSpan.FromSeconds(30), interval: TimeSpan.FromSeconds(10), probes: 3),
        };
        var tls = handler.SslOptions;
        if (configuration.ClientCertificate is { } certificate)
        {
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }
        else if (configuration.Tokens is ExecTokenSource exec)
        {
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => exec.Certificate!;
        }
        if (configuration.InsecureSkipTlsVerify)
        {
            tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        else if (configuration.CertificateAuthorities is { Count: > 0 } authorities)
        {
            tls.RemoteCertificateValidationCallback = (_, remote, chain, errors) => IsTrusted(remote, chain, errors, authorities);
        }
        return handler;
    }

    private static bool IsTrusted(X509Certificate? remote, X509Chain? presented, SslPolicyErrors errors, X509Certificate2Collection authorities)
    {
        // Only the chain is judged anew, against the cluster's own authorities; a wrong name stays wrong.
        if (remote is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in presented?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }
        using var leaf = X509CertificateLoader.LoadCertificate(remote.Export(X509ContentType.Cert));
        return chain.Build(leaf);
    }
}
