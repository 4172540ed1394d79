using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Authentication;

/// <summary>Who the server is and whom it lets in: its own authority, its certificate, one token. All kept in the data folder, readable by the owner only.</summary>
public sealed class ServerIdentity : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly byte[] _tokenHash;

    private ServerIdentity(X509Certificate2 certificate, string caPem, string token)
    {
        Certificate = certificate;
        CaCertificatePem = caPem;
        Token = token;
        _tokenHash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
    }

    /// <summary>The server's certificate with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The authority that signed it.</summary>
    public string CaCertificatePem { get; }

    /// <summary>The bearer token.</summary>
    public string Token { get; }

    /// <summary>Loads the identity of a data folder, making what is missing or about to expire.</summary>
    public static ServerIdentity LoadOrCreate(string directory, IPAddress address, TimeProvider time)
    {
        Directory.CreateDirectory(directory);
        var now = time.GetUtcNow();
        var caPath = Path.Combine(directory, "ca.pem");
        using var ca = LoadCa(caPath, now) ?? CreateCa(caPath, now);
        var tokenPath = Path.Combine(directory, "token");
        if (!File.Exists(tokenPath))
        {
            WritePrivate(tokenPath, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        }

        return new ServerIdentity(CreateServerCertificate(ca, address, now), ca.ExportCertificatePem(), File.ReadAllText(tokenPath).Trim());
    }

    /// <summary>Whether an Authorization header carries the token. Takes the same time for every wrong one.</summary>
    public bool Accepts(string? authorization)
    {
        const string Scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var presented = SHA256.HashData(Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim()));
        return CryptographicOperations.FixedTimeEquals(presented, _tokenHash);
    }

    /// <summary>Writes a kubeconfig for this server, mode 0600, all at once.</summary>
    public void WriteKubeconfig(string path, Uri server)
    {
        var ca = Convert.ToBase64String(Encoding.UTF8.GetBytes(CaCertificatePem));
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        WritePrivate(path, $"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: chat-cells-local
              cluster:
                server: {server.GetLeftPart(UriPartial.Authority)}
                certificate-authority-data: {ca}
            users:
            - name: chat-cells-local
              user:
                token: {Token}
            contexts:
            - name: chat-cells-local
              context:
                cluster: chat-cells-local
                user: chat-cells-local
                namespace: default
            current-context: chat-cells-local

            """);
    }

    /// <inheritdoc/>
    public void Dispose() => Certificate.Dispose();

    private static X509Certificate2? LoadCa(string path, DateTimeOffset now)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var ca = X509Certificate2.CreateFromPemFile(path);
        if (ca.NotAfter > now.AddDays(400).LocalDateTime)
        {
            return ca;
        }

        ca.Dispose();
        return null;
    }

    private static X509Certificate2 CreateCa(string path, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=chat-cells-local-ca", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var ca = request.CreateSelfSigned(now.AddHours(-1), now.AddYears(10));
        WritePrivate(path, ca.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        return ca;
    }

    private static X509Certificate2 CreateServerCertificate(X509Certificate2 ca, IPAddress address, DateTimeOffset now)
    {
        // Clients trust the authority: the server's own key need not outlive the process.
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=chat-cells-local", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddDnsName("kubernetes.default.svc");
        names.AddIpAddress(IPAddress.Loopback);
        if (!address.Equals(IPAddress.Loopback))
        {
            names.AddIpAddress(address);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        // Never longer than the authority itself, which is renewed when less than 400 days are left.
        using var signed = request.Create(ca, now.AddHours(-1), now.AddDays(398), RandomNumberGenerator.GetBytes(12));
        return signed.CopyWithPrivateKey(key);
    }

    private static void WritePrivate(string path, string text)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        using (var stream = new FileStream(temporary, options))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
