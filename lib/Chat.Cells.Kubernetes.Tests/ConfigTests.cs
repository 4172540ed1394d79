using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Tests.Fakes;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class ConfigTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kubeconfig-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Config(string user, string cluster = "server: https://127.0.0.1:6443", string current = "dev") => $$"""
        apiVersion: v1
        kind: Config
        current-context: {{current}}
        preferences: {}
        clusters:
        - name: c
          cluster: { {{cluster}} }
        contexts:
        - name: dev
          context: { cluster: c, user: u, namespace: chat }
        - name: prod
          context: { cluster: missing, user: u }
        users:
        - name: u
          user: { {{user}} }
        """;

    [Fact]
    public async Task Parse_Token_IsSentAsBearer()
    {
        var configuration = KubeConfig.Parse(Config("token: abc"), _folder);
        Assert.Equal("https://127.0.0.1:6443/", configuration.Server.ToString());
        Assert.Equal("chat", configuration.Namespace);
        Assert.Equal("abc", await configuration.Tokens!.GetAsync(TimeProvider.System, false, default));
    }

    [Fact]
    public void Parse_ServerUnderAPath_KeepsThePath() =>
        Assert.Equal("https://rancher/k8s/clusters/c-1/", KubeConfig.Parse(Config("token: a", "server: https://rancher/k8s/clusters/c-1"), _folder).Server.ToString());

    [Theory]
    [InlineData("prod", "missing")]
    [InlineData("nowhere", "nowhere")]
    public void Parse_ContextThatLeadsNowhere_SaysWhich(string context, string named)
    {
        var e = Assert.Throws<KubeConfigException>(() => KubeConfig.Parse(Config("token: a"), _folder, context));
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server: ftp://x")]
    [InlineData("certificate-authority: ca.crt")]
    [InlineData("server: https://x, certificate-authority-data: '!!!'")]
    [InlineData("server: https://x, certificate-authority: nowhere.crt")]
    public void Parse_BadCluster_SaysSo(string cluster) => Assert.Throws<KubeConfigException>(() => KubeConfig.Parse(Config("token: a", cluster), _folder));

    [Theory]
    [InlineData("a: [")]
    [InlineData("")]
    [InlineData("current-context: dev")]
    public void Parse_NotAKubeconfig_SaysSo(string text) => Assert.Throws<KubeConfigException>(() => KubeConfig.Parse(text, _folder));

    [Fact]
    public void Parse_Password_IsRefused() =>
        Assert.Contains("not supported", Assert.Throws<KubeConfigException>(() => KubeConfig.Parse(Config("username: a, password: b"), _folder)).Message, StringComparison.Ordinal);

    [Fact]
    public void Load_NoFile_SaysWhich() =>
        Assert.Contains("nowhere", Assert.Throws<KubeConfigException>(() => KubeConfig.Load(Path.Combine(_folder, "nowhere"))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task TokenFile_Rotated_IsReadAgainAfterAMinuteOrWhenRefused()
    {
        var file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, "one\n");
        var time = new FakeTime();
        var tokens = KubeConfig.Parse(Config("tokenFile: token"), _folder).Tokens!;
        Assert.Equal("one", await tokens.GetAsync(time, false, default));
        await File.WriteAllTextAsync(file, "two");
        Assert.Equal("one", await tokens.GetAsync(time, false, default));
        Assert.Equal("two", await tokens.GetAsync(time, true, default));
        await File.WriteAllTextAsync(file, "three");
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("three", await tokens.GetAsync(time, false, default));
    }

    [Fact]
    public async Task Exec_TokenWithExpiry_IsKeptUntilThenAndRunAgainAfter()
    {
        var time = new FakeTime();
        var expiry = time.GetUtcNow().AddMinutes(10).ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);
        Script("plugin", """
            echo x >> "$0.runs"
            n=$(wc -l < "$0.runs")
            echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"$PREFIX-$1-$n\",\"expirationTimestamp\":\"EXPIRY\"}}"
            """.Replace("EXPIRY", expiry, StringComparison.Ordinal));
        const string user = "exec: { apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [arg], env: [{ name: PREFIX, value: p }], interactiveMode: Never }";
        var tokens = KubeConfig.Parse(Config(user), _folder).Tokens!;
        Assert.Equal("p-arg-1", await tokens.GetAsync(time, false, default));
        Assert.Equal("p-arg-1", await tokens.GetAsync(time, false, default));
        Assert.Equal("p-arg-2", await tokens.GetAsync(time, true, default));
        time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal("p-arg-3", await tokens.GetAsync(time, false, default));
    }

    [Theory]
    [InlineData("echo oops >&2; exit 3", "oops")]
    [InlineData("echo nonsense", "JSON")]
    [InlineData("echo '{}'", "status")]
    [InlineData("echo '{\"status\":{}}'", "neither")]
    public async Task Exec_BadPlugin_SaysWhatIsWrong(string script, string said)
    {
        Script("plugin", script);
        var tokens = KubeConfig.Parse(Config("exec: { apiVersion: client.authentication.k8s.io/v1, command: ./plugin }"), _folder).Tokens!;
        var e = await Assert.ThrowsAsync<KubeConfigException>(async () => await tokens.GetAsync(TimeProvider.System, false, default));
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_NoSuchProgram_SaysWhich()
    {
        var tokens = KubeConfig.Parse(Config("exec: { apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin-here }"), _folder).Tokens!;
        var e = await Assert.ThrowsAsync<KubeConfigException>(async () => await tokens.GetAsync(TimeProvider.System, false, default));
        Assert.Contains("no-such-plugin-here", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InCluster_ServiceAccountFolder_IsUsed()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "token"), "t");
        await File.WriteAllTextAsync(Path.Combine(_folder, "namespace"), "chat");
        using var authority = Authority();
        await File.WriteAllTextAsync(Path.Combine(_folder, "ca.crt"), authority.ExportCertificatePem());
        var configuration = InCluster.Load(_folder, name => name == "KUBERNETES_SERVICE_HOST" ? "fd00::1" : "6443");
        Assert.Equal("https://[fd00::1]:6443/", configuration.Server.ToString());
        Assert.Equal("chat", configuration.Namespace);
        Assert.Single(configuration.CertificateAuthorities!);
        Assert.Equal("t", await configuration.Tokens!.GetAsync(TimeProvider.System, false, default));
    }

    [Fact]
    public void InCluster_Outside_SaysSo() => Assert.Throws<KubeConfigException>(() => InCluster.Load(_folder, _ => null));

    [Fact]
    public async Task Tls_OwnAuthorityAndClientCertificate_AreUsedAndAStrangerIsRefused()
    {
        using var authority = Authority();
        using var server = Issue(authority, "api", san: true);
        using var clientCertificate = Issue(authority, "anna", san: false);
        string? subject = null;
        await using var api = await FakeApiServer.StartAsync(o => o.UseHttps(new HttpsConnectionAdapterOptions
        {
            ServerCertificate = X509CertificateLoader.LoadPkcs12(server.Export(X509ContentType.Pkcs12), null),
            ClientCertificateMode = ClientCertificateMode.RequireCertificate,
            ClientCertificateValidation = (c, _, errors) =>
            {
                subject = c.Subject;
                return errors != SslPolicyErrors.RemoteCertificateNotAvailable;
            },
        }));
        api.Store.Put("/api/v1/namespaces", """{"metadata":{"name":"x"}}""");
        var keyFile = Path.Combine(_folder, "key.pem");
        await File.WriteAllTextAsync(keyFile, clientCertificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        string User(X509Certificate2 certificate) => $"client-certificate-data: {Base64(certificate.ExportCertificatePem())}, client-key: key.pem";
        string Cluster(X509Certificate2 ca) => $"server: '{api.Address}', certificate-authority-data: {Base64(ca.ExportCertificatePem())}";

        using (var client = new KubernetesClient(KubeConfig.Parse(Config(User(clientCertificate), Cluster(authority)), _folder)))
        {
            Assert.Equal("x", (await client.Of<V1Namespace>().GetAsync(null, "x")).Metadata.Name);
            Assert.Equal("CN=anna", subject);
        }
        using var stranger = Authority();
        using (var client = new KubernetesClient(KubeConfig.Parse(Config(User(clientCertificate), Cluster(stranger)), _folder)))
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => client.Of<V1Namespace>().GetAsync(null, "x"));
        }
        using (var client = new KubernetesClient(KubeConfig.Parse(Config(User(clientCertificate), $"server: '{api.Address}', insecure-skip-tls-verify: true"), _folder)))
        {
            Assert.Equal("x", (await client.Of<V1Namespace>().GetAsync(null, "x")).Metadata.Name);
        }
        using (var client = new KubernetesClient(KubeConfig.Parse(Config(User(clientCertificate), Cluster(authority) + ", tls-server-name: other.example"), _folder)))
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => client.Of<V1Namespace>().GetAsync(null, "x"));
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static X509Certificate2 Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string name, bool san)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        if (san)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(System.Net.IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }
        return request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
    }

    private void Script(string name, string body)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, "#!/bin/sh\n" + body + "\n");
        Assert.False(OperatingSystem.IsWindows(), "The plugins of these tests are shell scripts.");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
