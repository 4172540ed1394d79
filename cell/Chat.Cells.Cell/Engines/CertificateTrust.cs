using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Cell.Engines;

/// <summary>
/// Trust in the authorities that a secret names, and in no others. Servers are met by address, which certificates seldom name: whoever the authorities signed is one of them.
/// </summary>
internal static class CertificateTrust
{
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");

    public static SslClientAuthenticationOptions In(X509Certificate2Collection authorities) => new()
    {
        CertificateChainPolicy = Policy(authorities),
        RemoteCertificateValidationCallback = static (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None,
    };

    /// <summary>For a client that asks only afterwards.</summary>
    /// <param name="certificate">The server's.</param>
    /// <param name="sent">What came with it: the certificates between it and the authority.</param>
    /// <param name="authorities">Who may have signed it.</param>
    public static bool IsTrusted(X509Certificate? certificate, X509Chain? sent, X509Certificate2Collection authorities)
    {
        if (certificate is null) return false;
        using var chain = new X509Chain { ChainPolicy = Policy(authorities) };
        chain.ChainPolicy.ApplicationPolicy.Add(ServerAuthentication);
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>()) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        using var own = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(own);
    }

    /// <summary>A chain must end at one of the authorities; nobody is asked for revocations.</summary>
    private static X509ChainPolicy Policy(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }
}
