using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>A redis-server that speaks TLS on a second port, with a certificate of an authority made for it; the name in it isn't the server's.</summary>
internal sealed class RedisTls : IAsyncDisposable
{
    private readonly TempFolder files;
    private readonly HeldPort port;

    private RedisTls(TempFolder files, RedisServer server, HeldPort port, X509Certificate2 authority)
    {
        this.files = files;
        this.port = port;
        Server = server;
        Endpoint = port.EndPoint.ToString();
        Authority = authority;
    }

    public X509Certificate2 Authority { get; }

    public string Endpoint { get; }

    public RedisServer Server { get; }

    public static async Task<RedisTls> StartAsync(string password)
    {
        var folder = new TempFolder();
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = NewAuthority(authorityKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=redis.example", key, HashAlgorithmName.SHA256);
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddHours(1), [1]);
        var (certificateFile, keyFile) = (Path.Combine(folder.Path, "redis.pem"), Path.Combine(folder.Path, "redis.key"));
        await File.WriteAllTextAsync(certificateFile, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(keyFile, key.ExportPkcs8PrivateKeyPem());
        var secured = new HeldPort();
        var server = await RedisServer.StartAsync(password, "--tls-port", $"{secured.Number}", "--tls-cert-file", certificateFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certificateFile, "--tls-auth-clients", "no");
        return new RedisTls(folder, server, secured, authority);
    }

    public static X509Certificate2 NewAuthority(ECDsa key)
    {
        var request = new CertificateRequest("CN=authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-2), DateTimeOffset.UtcNow.AddHours(2));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Authority.Dispose();
        port.Dispose();
        files.Dispose();
    }
}
