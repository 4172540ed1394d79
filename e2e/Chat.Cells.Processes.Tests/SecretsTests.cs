using System.Runtime.Versioning;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Processes.Tests;

[SupportedOSPlatform("linux")]
public sealed class SecretsTests : IDisposable
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly string folder = Directory.CreateTempSubdirectory("processes-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Secrets_OfCellsAndBridges_AreForTheirOwnerOnly()
    {
        var secrets = new ClusterSecrets(Path.Combine(folder, "secrets"));

        secrets.Write("a", ["b"], new Dictionary<string, string> { ["redis-password"] = "hidden" });

        Assert.Equal("hidden", File.ReadAllText(Path.Combine(secrets.Of("a"), "redis-password")));
        var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories);
        Assert.Equal(8, files.Length); // a: signing key, internal token, Redis, peer, bridge; b: to-a; the bridges either way
        Assert.All(files, f => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(f) & Others));
        Assert.All(Directory.GetDirectories(Path.Combine(folder, "secrets")), d => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(d) & Others));
    }

    [Fact]
    public void RedisCommand_WithAPassword_ShowsItInNoArgument()
    {
        var command = RedisProgram.Command(folder, 7_000, "hidden");

        var file = Assert.Single(command.Arguments);
        Assert.Contains("requirepass hidden\n", File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(file) & Others);
        Assert.DoesNotContain("requirepass", File.ReadAllText(RedisProgram.Command(folder, 7_000, null).Arguments[0]), StringComparison.Ordinal);
    }

    [Fact]
    public void RealServers_InWords_HaveNoPassword()
    {
        var real = RealServers.Read(name => name switch
        {
            RealServers.RedisVariable => "redis://:hidden@redis:6379",
            RealServers.CassandraVariable => "node:9042",
            RealServers.CassandraUserVariable => "cells",
            RealServers.CassandraPasswordVariable => "hidden",
            _ => null,
        });

        Assert.Equal("hidden", real.RedisPassword);
        Assert.DoesNotContain("hidden", $"{real}", StringComparison.Ordinal);
    }
}
