using System.Net;
using System.Text;
using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.PodRunner.Volumes;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

public sealed class StateTests
{
    [Fact]
    public void Allocate_ManyAddresses_AreDistinctInRangeAndNeverTaken()
    {
        var range = new LoopbackRange("127.71.0.0/16");
        var taken = new HashSet<IPAddress>();
        for (var i = 0; i < 2000; i++)
        {
            var address = range.Allocate(taken);
            Assert.True(taken.Add(address));
            Assert.True(range.Contains(address));
            Assert.NotEqual(0, address.GetAddressBytes()[3]);
        }
    }

    [Fact]
    public void Allocate_AfterRelease_TakesAnotherFirst()
    {
        var range = new LoopbackRange("127.71.0.0/16");
        var first = range.Allocate(new HashSet<IPAddress>());
        Assert.NotEqual(first, range.Allocate(new HashSet<IPAddress>()));
    }

    [Theory]
    [InlineData("10.0.0.0/16")]
    [InlineData("127.1.0.0/24")]
    [InlineData("127.1.0.0")]
    [InlineData("nonsense")]
    public void Parse_OtherRange_IsRefused(string cidr) => Assert.Throws<FormatException>(() => LoopbackRange.Parse(cidr));

    [Fact]
    public void Delay_EndsInARow_DoublesFromOneSecondToSixty()
    {
        Assert.Equal([0, 1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(0, 9).Select(n => (int)CrashBackoff.Delay(n).TotalSeconds));
        Assert.Equal(60, CrashBackoff.Delay(int.MaxValue).TotalSeconds);
        Assert.Equal(1, CrashBackoff.Next(9, TimeSpan.FromMinutes(10)));
        Assert.Equal(10, CrashBackoff.Next(9, TimeSpan.FromMinutes(9)));
    }

    [Fact]
    public void SaveAndLoad_Record_IsTheSameAndATornOneIsReported()
    {
        using var folder = new TestFolder();
        var store = new PodRecordStore(folder.Path);
        var record = new PodRecord { Namespace = "ns", Name = "p", Uid = "u1", PodIP = "127.1.0.10", Containers = PodRecordContainers("c") };
        store.Save(record);
        Directory.CreateDirectory(folder.File("u2"));
        File.WriteAllText(Path.Combine(folder.File("u2"), "pod.json"), "{ torn");
        var unreadable = new List<string>();

        var loaded = Assert.Single(store.LoadAll((file, _) => unreadable.Add(file)));

        Assert.Equal(record.Containers["c"], loaded.Containers["c"]);
        Assert.Equal(record with { Containers = loaded.Containers }, loaded);
        Assert.Contains("u2", Assert.Single(unreadable), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ torn")]
    [InlineData("[]")]
    [InlineData("""{"image":[]}""")]
    public void Load_BadImageMap_SaysWhichFile(string content)
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("images.json"), content);
        var e = Assert.Throws<InvalidDataException>(() => ImageMap.Load(folder.File("images.json")));
        Assert.Contains("images.json", e.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => ImageMap.Load(folder.File("absent.json")));
    }

    [Fact]
    public void Write_ChangedFiles_AreSwappedAtOnceAndStaleOnesGo()
    {
        using var folder = new TestFolder();
        var volume = folder.File("v");
        var mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.True(ProjectedFolder.Write(volume, [new("a", "1"u8.ToArray(), mode), new("dir/b", "2"u8.ToArray(), mode)]));
        Assert.False(ProjectedFolder.Write(volume, [new("a", "1"u8.ToArray(), mode), new("dir/b", "2"u8.ToArray(), mode)]));
        var first = new FileInfo(Path.Combine(volume, "..data")).LinkTarget;
        Assert.Equal("2", File.ReadAllText(Path.Combine(volume, "dir", "b")));

        Assert.True(ProjectedFolder.Write(volume, [new("a", "3"u8.ToArray(), mode), new("c", "4"u8.ToArray(), mode)]));

        Assert.NotEqual(first, new FileInfo(Path.Combine(volume, "..data")).LinkTarget);
        Assert.Equal(("3", "4"), (File.ReadAllText(Path.Combine(volume, "a")), File.ReadAllText(Path.Combine(volume, "c"))));
        Assert.False(Path.Exists(Path.Combine(volume, "dir")));
        Assert.False(Directory.Exists(Path.Combine(volume, first!)));
        Assert.True(ProjectedFolder.Write(volume, []));
        Assert.Empty(Directory.GetFiles(volume));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a//b")]
    [InlineData("..data")]
    public void Write_PathOutsideTheVolume_IsRefused(string path)
    {
        using var folder = new TestFolder();
        Assert.Throws<ArgumentException>(() => ProjectedFolder.Write(folder.File("v"), [new(path, [], UnixFileMode.UserRead)]));
    }

    [Fact]
    public void Refresh_SecretVolume_IsForItsOwnerOnlyWhateverTheManifestSays()
    {
        using var folder = new TestFolder();
        var objects = new FakeObjects();
        objects.Secrets["ns/keys"] = new() { ["token"] = Encoding.UTF8.GetBytes("x") };
        var pod = Pods.Make("""{"name":"c","image":"i"}""", volumes: """[{"name":"s","secret":{"secretName":"keys","defaultMode":438,"items":[{"key":"token","path":"sub/t"}]}}]""");
        new PodVolumes(folder.File("pod"), folder.File("claims")).Refresh(pod, objects);
        var file = Path.Combine(folder.File("pod"), "volumes", "s", "sub", "t");
        Assert.Equal("x", File.ReadAllText(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void Refresh_ModeOfAnItem_IsItsFilesMode()
    {
        using var folder = new TestFolder();
        var objects = new FakeObjects();
        objects.ConfigMaps["ns/settings"] = new() { ["run.sh"] = "x"u8.ToArray(), ["other"] = "y"u8.ToArray() };
        var pod = Pods.Make("""{"name":"c","image":"i"}""", volumes: """[{"name":"m","configMap":{"name":"settings","defaultMode":256,"items":[{"key":"run.sh","path":"run.sh","mode":320},{"key":"other","path":"other"}]}}]""");
        new PodVolumes(folder.File("pod"), folder.File("claims")).Refresh(pod, objects);
        var volume = Path.Combine(folder.File("pod"), "volumes", "m");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(volume, "run.sh")));
        Assert.Equal(UnixFileMode.UserRead, File.GetUnixFileMode(Path.Combine(volume, "other")));
    }

    [Theory]
    [InlineData("""[{"name":"s","secret":{"secretName":"absent"}}]""", "secret \"absent\" not found")]
    [InlineData("""[{"name":"m","configMap":{"name":"settings","items":[{"key":"k","path":"k"}]}}]""", "configmap \"settings\" has no key \"k\"")]
    public void Refresh_MissingSource_SaysWhich(string volumes, string message)
    {
        using var folder = new TestFolder();
        var objects = new FakeObjects();
        objects.ConfigMaps["ns/settings"] = [];
        var e = Assert.Throws<PodConfigException>(() => new PodVolumes(folder.File("pod"), folder.File("claims")).Refresh(Pods.Make("""{"name":"c","image":"i"}""", volumes: volumes), objects));
        Assert.Equal(message, e.Message);
    }

    [Fact]
    public void Add_ResultsInARow_ChangeTheVerdictAtTheirThresholds()
    {
        var threshold = new ProbeThreshold(new ProbeSpec { SuccessThreshold = 2, FailureThreshold = 3 }, initially: true);
        Assert.False(threshold.Add(false));
        Assert.False(threshold.Add(false));
        Assert.True(threshold.Healthy);
        Assert.True(threshold.Add(false));
        Assert.False(threshold.Healthy);
        Assert.False(threshold.Add(true));
        Assert.False(threshold.Add(false));
        Assert.False(threshold.Healthy);
        threshold.Add(true);
        Assert.True(threshold.Add(true));
        Assert.True(threshold.Healthy);
    }

    private static System.Collections.Immutable.ImmutableSortedDictionary<string, ContainerRecord> PodRecordContainers(string name) =>
        System.Collections.Immutable.ImmutableSortedDictionary<string, ContainerRecord>.Empty.Add(name, new ContainerRecord
        {
            RestartCount = 3,
            Process = new(1, 2, "b"),
            FailuresInARow = 2,
            Started = true,
            LastTermination = new(1, "Error", null, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch),
        });
}
