using System.Collections.Immutable;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>Where ConfigMaps and Secrets come from; null when the object does not exist.</summary>
public interface IPodConfigSource
{
    /// <summary>All keys of a ConfigMap, text and binary, as bytes.</summary>
    IReadOnlyDictionary<string, byte[]>? ConfigMap(string @namespace, string name);

    /// <summary>All keys of a Secret, decoded.</summary>
    IReadOnlyDictionary<string, byte[]>? Secret(string @namespace, string name);
}

/// <summary>A reference of the pod that leads nowhere. The message names the reference, and never a secret's content.</summary>
public sealed class PodConfigException(string message) : Exception(message);

/// <summary>What the pod's place on this machine decides.</summary>
public sealed record PodPlacement(string PodIP, string HostIP, string NodeName);

/// <summary>Works out a container's environment as a kubelet does: envFrom first, then env in order, each seeing what came before.</summary>
public static class PodEnvironment
{
    /// <summary>Whether a shell passes a variable of this name on.</summary>
    public static bool IsPortableName(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    /// <summary>The variables that the pod's manifest gives to a container, without mounts rewritten.</summary>
    /// <exception cref="PodConfigException">A ConfigMap, Secret or key that is not optional is missing, or a field is not known.</exception>
    public static ImmutableSortedDictionary<string, string> Resolve(PodObject pod, ContainerSpec container, PodPlacement placement, IPodConfigSource source)
    {
        var result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var from in container.EnvFrom ?? [])
        {
            foreach (var (key, value) in EnvFrom(pod, from, source))
            {
                var name = from.Prefix + key;
                if (IsPortableName(name))
                {
                    result[name] = value;
                }
            }
        }

        foreach (var env in container.Env ?? [])
        {
            if (env.ValueFrom is { } valueFrom)
            {
                if (ValueFrom(pod, env.Name, valueFrom, placement, source) is { } value)
                {
                    result[env.Name] = value;
                }
            }
            else
            {
                result[env.Name] = VariableExpansion.Expand(env.Value ?? "", result);
            }
        }

        return result.ToImmutable();
    }

    private static IEnumerable<(string Key, string Value)> EnvFrom(PodObject pod, EnvFromSpec from, IPodConfigSource source)
    {
        var (kind, reference, data) = from switch
        {
            { ConfigMapRef: { } configMap } => ("configmap", configMap, source.ConfigMap(pod.Metadata.Namespace, configMap.Name)),
            { SecretRef: { } secret } => ("secret", secret, source.Secret(pod.Metadata.Namespace, secret.Name)),
            _ => throw new PodConfigException("envFrom names neither a configMapRef nor a secretRef"),
        };
        if (data is null && reference.Optional != true)
        {
            throw new PodConfigException($"{kind} \"{reference.Name}\" not found");
        }

        return (data ?? new Dictionary<string, byte[]>()).Select(entry => (entry.Key, Text(entry.Value)));
    }

    private static string? ValueFrom(PodObject pod, string name, EnvVarSourceSpec from, PodPlacement placement, IPodConfigSource source) => from switch
    {
        { ConfigMapKeyRef: { } key } => Key(pod, "configmap", "ConfigMap", key, source.ConfigMap(pod.Metadata.Namespace, key.Name)),
        { SecretKeyRef: { } key } => Key(pod, "secret", "Secret", key, source.Secret(pod.Metadata.Namespace, key.Name)),
        { FieldRef: { } field } => Field(pod, field.FieldPath, placement),
        _ => throw new PodConfigException($"env {name} has a valueFrom without a source"),
    };

    private static string? Key(PodObject pod, string kind, string title, KeyRefSpec reference, IReadOnlyDictionary<string, byte[]>? data)
    {
        if (data is not null && data.TryGetValue(reference.Key, out var value))
        {
            return Text(value);
        }

        if (reference.Optional == true)
        {
            return null;
        }

        throw new PodConfigException(data is null
            ? $"{kind} \"{reference.Name}\" not found"
            : $"couldn't find key {reference.Key} in {title} {pod.Metadata.Namespace}/{reference.Name}");
    }

    /// <summary>A field of the downward API.</summary>
    /// <exception cref="PodConfigException">The field is not one that is known here.</exception>
    private static string Field(PodObject pod, string path, PodPlacement placement)
    {
        var metadata = pod.Metadata;
        return path switch
        {
            "metadata.name" => metadata.Name,
            "metadata.namespace" => metadata.Namespace,
            "metadata.uid" => metadata.Uid,
            "spec.nodeName" => placement.NodeName,
            "spec.serviceAccountName" => pod.Spec.ServiceAccountName ?? "default",
            "status.podIP" or "status.podIPs" => placement.PodIP,
            "status.hostIP" or "status.hostIPs" => placement.HostIP,
            _ when Subscript(path, "metadata.labels") is { } label => metadata.Labels?.GetValueOrDefault(label) ?? "",
            _ when Subscript(path, "metadata.annotations") is { } annotation => metadata.Annotations?.GetValueOrDefault(annotation) ?? "",
            _ => throw new PodConfigException($"not supported here: fieldRef {path}"),
        };
    }

    // metadata.labels['app.kubernetes.io/name']
    private static string? Subscript(string path, string prefix) =>
        path.StartsWith(prefix + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)
            ? path[(prefix.Length + 2)..^2]
            : null;

    private static string Text(byte[] value) => System.Text.Encoding.UTF8.GetString(value);
}
