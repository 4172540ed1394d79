using System.Text;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.Volumes;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

public sealed class ProjectedVolumeTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("projected-").FullName;
    private readonly FakeObjects objects = new();

    public ProjectedVolumeTests()
    {
        objects.Secrets["ns/own"] = new() { ["signing-1.pem"] = "key"u8.ToArray(), ["internal-token"] = "token"u8.ToArray() };
        objects.Secrets["ns/engines"] = new() { ["redis-password"] = "one"u8.ToArray(), ["not-for-us"] = "x"u8.ToArray() };
        objects.ConfigMaps["ns/map"] = new() { ["cells.json"] = "{}"u8.ToArray() };
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Volume => Path.Combine(folder, "volumes", "v");

    private IReadOnlyList<string> Refresh(string projected) =>
        new PodVolumes(folder, Path.Combine(folder, "claims")).Refresh(
            Pods.Make("""{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}""", volumes: $$"""[{"name":"v","projected":{{projected}}}]"""), objects);

    private string[] Names() => [.. Directory.GetFiles(Volume).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    [Fact]
    public void Refresh_SeveralSources_AreOneFolderOfWhatIsAskedFor()
    {
        Refresh("""{"sources":[{"secret":{"name":"own"}},{"secret":{"name":"engines","items":[{"key":"redis-password","path":"redis-password"}]}},{"configMap":{"name":"map","items":[{"key":"cells.json","path":"map.json"}]}}]}""");

        Assert.Equal(["internal-token", "map.json", "redis-password", "signing-1.pem"], Names());
        Assert.Equal("one", File.ReadAllText(Path.Combine(Volume, "redis-password")));
        // The link's target is what has a mode. Of a secret nobody but the owner has anything.
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(File.ResolveLinkTarget(Path.Combine(Volume, "redis-password"), returnFinalTarget: true)!.FullName));
    }

    [Fact]
    public void Refresh_SecretChanges_SoDoesTheFile()
    {
        const string Projected = """{"defaultMode":288,"sources":[{"secret":{"name":"own"}},{"secret":{"name":"engines","items":[{"key":"redis-password","path":"redis-password"}]}}]}""";
        Assert.Equal(["v"], Refresh(Projected));
        Assert.Empty(Refresh(Projected));
        objects.Secrets["ns/engines"]["redis-password"] = "two"u8.ToArray();

        Assert.Equal(["v"], Refresh(Projected));

        Assert.Equal("two", File.ReadAllText(Path.Combine(Volume, "redis-password")));
        Assert.Equal(UnixFileMode.UserRead, File.GetUnixFileMode(File.ResolveLinkTarget(Path.Combine(Volume, "redis-password"), returnFinalTarget: true)!.FullName));
    }

    [Fact]
    public void Refresh_OnePathTwice_TheLaterSourceWins()
    {
        objects.Secrets["ns/other"] = new() { ["redis-password"] = Encoding.ASCII.GetBytes("other") };
        Refresh("""{"sources":[{"secret":{"name":"engines","items":[{"key":"redis-password","path":"p"}]}},{"secret":{"name":"other","items":[{"key":"redis-password","path":"p"}]}}]}""");

        Assert.Equal("other", File.ReadAllText(Path.Combine(Volume, "p")));
    }

    [Theory]
    [InlineData("""{"sources":[{"secret":{"name":"gone"}}]}""", "secret \"gone\" not found")]
    [InlineData("""{"sources":[{"configMap":{"name":"gone"}}]}""", "configmap \"gone\" not found")]
    [InlineData("""{"sources":[{"secret":{"name":"engines","items":[{"key":"no","path":"no"}]}}]}""", "secret \"engines\" has no key \"no\"")]
    public void Refresh_SourceThatIsNotThere_SaysWhich(string projected, string said) =>
        Assert.Equal(said, Assert.Throws<PodConfigException>(() => Refresh(projected)).Message);

    [Fact]
    public void Refresh_OptionalSourceThatIsNotThere_IsLeftOut()
    {
        Refresh("""{"sources":[{"secret":{"name":"gone","optional":true}},{"secret":{"name":"engines","optional":true,"items":[{"key":"no","path":"no"},{"key":"redis-password","path":"p"}]}}]}""");

        Assert.Equal(["p"], Names());
    }
}
