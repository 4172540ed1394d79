using System.Security.Cryptography;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>The bridges into a cell, one for every other cell: a secret and a Deployment in the target's namespace.</summary>
internal static class BridgeObjects
{
    private const string TokensAnnotation = ChatCell.GroupName + "/tokens";

    /// <summary>The bridges that can run now: both ends have addresses and tokens.</summary>
    public static IEnumerable<DesiredObject> Make(Observed observed, OperatorOptions options)
    {
        var target = observed.Cell;
        var name = target.Metadata.Name!;
        if (CellUrls.Internal(observed.InternalService) is not { } targetUrl || observed.Secret?.Data is not { } tokens)
        {
            yield break;
        }
        foreach (var peer in observed.Peers)
        {
            if (peer.InternalUrl is not { } sourceUrl
                || !peer.Secret.TryGetValue(CellSecretKeys.Peer(name), out var sourceToken)
                || !tokens.TryGetValue(CellSecretKeys.Bridge(peer.Name), out var targetToken))
            {
                continue;
            }
            var bridge = Naming.Bridge(name, peer.Name);
            yield return DesiredObject.From(
                new V1Secret
                {
                    Type = "Opaque",
                    Metadata = Metadata(target, bridge, peer.Name),
                    Data = new SortedDictionary<string, byte[]>(StringComparer.Ordinal) { ["source-token"] = sourceToken, ["target-token"] = targetToken },
                },
                observed.BridgeSecrets.FirstOrDefault(s => s.Metadata.Name == bridge));
            yield return DesiredObject.From(
                Deployment(target, bridge, peer.Name, sourceUrl, targetUrl, Fingerprint(sourceToken, targetToken), options),
                observed.Bridges.FirstOrDefault(d => d.Metadata.Name == bridge));
        }
    }

    /// <summary>Bridges from cells that are gone.</summary>
    public static IEnumerable<Obsolete> Obsolete(Observed observed)
    {
        var wanted = observed.Peers.Select(p => Naming.Bridge(observed.Cell.Metadata.Name!, p.Name)).ToHashSet();
        return observed.Bridges.Where(d => !wanted.Contains(d.Metadata.Name!)).Select(Plan.Obsolete.From)
            .Concat(observed.BridgeSecrets.Where(s => !wanted.Contains(s.Metadata.Name!)).Select(Plan.Obsolete.From));
    }

    // Other tokens make other pods. Of 64 random bytes, 64 bits of a hash tell nothing.
    private static string Fingerprint(byte[] sourceToken, byte[] targetToken) => Convert.ToHexStringLower(SHA256.HashData([.. sourceToken, .. targetToken]))[..16];

    private static V1ObjectMeta Metadata(ChatCell target, string bridge, string source) => new()
    {
        Namespace = target.Metadata.Namespace,
        Name = bridge,
        Labels = Naming.Labels(Naming.BridgeSelector(target.Metadata.Name!, source), target.Metadata.Name!),
        OwnerReferences = [Naming.OwnedBy(target)],
    };

    private static V1Deployment Deployment(ChatCell target, string bridge, string source, string sourceUrl, string targetUrl, string tokens, OperatorOptions options)
    {
        var name = target.Metadata.Name!;
        var container = new V1Container
        {
            Name = "bridge",
            Image = options.BridgeImage,
            Args =
            [
                "--source", source,
                "--target", name,
                "--source-url", sourceUrl,
                "--target-url", targetUrl,
                "--secrets", Naming.SecretsPath,
                "--listen", $"http://$(POD_IP):{Naming.BridgePort}",
            ],
            Env = Pods.DownwardEnvironment,
            Ports = [new V1ContainerPort { Name = "internal", ContainerPort = Naming.BridgePort, Protocol = "TCP" }],
            VolumeMounts = [new V1VolumeMount { Name = "secrets", MountPath = Naming.SecretsPath, ReadOnly = true }, Pods.ScratchMount],
            LivenessProbe = Pods.Probe("/healthz", "internal", period: 10, failures: 6),
            ReadinessProbe = Pods.Probe("/readyz", "internal", period: 2, failures: 3),
            SecurityContext = Pods.Restricted,
        };
        var selector = Naming.BridgeSelector(name, source);
        return new V1Deployment
        {
            Metadata = Metadata(target, bridge, source),
            Spec = new V1DeploymentSpec
            {
                Replicas = 1,
                // Never two at once: the second would only repeat what the first appends.
                Strategy = new V1UpdateStrategy { Type = "Recreate" },
                Selector = new V1LabelSelector { MatchLabels = selector },
                Template = new V1PodTemplateSpec
                {
                    Metadata = new V1ObjectMeta
                    {
                        Labels = Naming.Labels(selector, name),
                        Annotations = new Dictionary<string, string> { [TokensAnnotation] = tokens },
                    },
                    Spec = Pods.Hardened(container, terminationGracePeriodSeconds: 30, new V1Volume { Name = "secrets", Secret = new V1SecretVolumeSource { SecretName = bridge } }),
                },
            },
        };
    }
}

/// <summary>Addresses of a cell: those of its services, which reach it on every cluster, DNS or not.</summary>
internal static class CellUrls
{
    public static string? Public(V1Service? service) => Url(service, Naming.PublicPort);

    public static string? Internal(V1Service? service) => Url(service, Naming.InternalPort);

    private static string? Url(V1Service? service, int port) => service?.Spec?.ClusterIP is { Length: > 0 } ip and not "None"
        ? Of(ip, port)
        : null;

    /// <summary>The URL of an address, IPv4 or IPv6.</summary>
    public static string Of(string ip, int port) => $"http://{(ip.Contains(':') ? $"[{ip}]" : ip)}:{port}";
}
