using Chat.Cells.LocalCluster.Up;

namespace Chat.Cells.LocalCluster.Tests.Up;

public sealed class ManifestReaderTests
{
    [Fact]
    public void Read_SeveralDocuments_AreJsonWithTypesOfYaml()
    {
        var objects = ManifestReader.Read("""
            # comment
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: a, annotations: {quoted: "true", number: '1'}}
            data:
              text: |
                two
                lines
              whole: 12
              real: 1.5
              yes: true
              nothing: null
              version: 1.2.3
              time: 10:30
              list: [1, two]
            ---
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Secret, metadata: {name: b}}
            """, "file.yaml");
        Assert.Equal(2, objects.Count);
        Assert.Equal(
            """{"text":"two\nlines\n","whole":12,"real":1.5,"yes":true,"nothing":null,"version":"1.2.3","time":"10:30","list":[1,"two"]}""", objects[0]["data"]!.ToJsonString());
        Assert.Equal("""{"quoted":"true","number":"1"}""", objects[0]["metadata"]!["annotations"]!.ToJsonString());
        Assert.Equal("Secret", objects[1]["kind"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("a: [", "file.yaml, line")]
    [InlineData("just text", "a manifest needs apiVersion, kind and metadata.name")]
    [InlineData("apiVersion: v1\nkind: Pod", "a manifest needs apiVersion, kind and metadata.name")]
    public void Read_BadDocument_SaysWhereAndWhy(string text, string message) =>
        Assert.Contains(message, Assert.Throws<UpException>(() => ManifestReader.Read(text, "file.yaml")).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_InstallManifests_AreWhatThePodRunnerSupports()
    {
        var root = UpOptions.Parse([]).RepositoryRoot;
        var objects = ManifestReader.Read(File.ReadAllText(Path.Combine(root, "charts", "install.yaml")), "install.yaml");
        Assert.Equal(["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment", "ServiceAccount", "Deployment", "Service"], objects.Select(o => o["kind"]!.GetValue<string>()));
        foreach (var deployment in objects.Where(o => o["kind"]!.GetValue<string>() == "Deployment"))
        {
            var template = deployment["spec"]!["template"]!.DeepClone();
            var pod = LocalCluster.PodRunner.Spec.PodObject.Parse(template);
            Assert.Null(LocalCluster.PodRunner.Spec.PodSupport.Refusal(pod));
            Assert.All(template["spec"]!["containers"]!.AsArray(), container => Assert.Equal("ALL", container!["securityContext"]!["capabilities"]!["drop"]![0]!.GetValue<string>()));
        }
    }
}
