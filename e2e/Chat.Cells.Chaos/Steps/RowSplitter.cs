using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;

namespace Chat.Cells.Chaos.Steps;

/// <summary>
/// Takes a batch of the store's port apart into batches of one row, in the order of the batch's properties, which is the order that the port promises. What a batch
/// says once for all rows stays in each; what it may leave out (a nullable value, such as the partition whose time is raised) comes last, by itself.
/// Works on any positional record, so that rows which the port learns later are taken apart as well.
/// </summary>
internal static class RowSplitter
{
    private static readonly ConcurrentDictionary<Type, ConstructorInfo> Constructors = new();

    /// <summary>True for a record that holds lists of rows.</summary>
    public static bool IsBatch(object? value) => value is not null && value.GetType().Name.EndsWith("Batch", StringComparison.Ordinal);

    /// <summary>The rows, each with its name: <c>row:message</c> for a <c>MessageRow</c>.</summary>
    public static IEnumerable<(string Effect, object Batch)> Split(object batch)
    {
        var type = batch.GetType();
        var constructor = Constructors.GetOrAdd(type, static t => t.GetConstructors().Single(c => c.GetParameters() is not [{ } only] || only.ParameterType != t));
        var parameters = constructor.GetParameters();
        var values = parameters.Select(p => type.GetProperty(p.Name!)!.GetValue(batch)).ToArray();
        var bare = parameters.Select((p, i) => IsRows(p.ParameterType) ? Rows(p.ParameterType, []) : IsOptional(p) ? null : values[i]).ToArray();
        for (var i = 0; i < parameters.Length; i++)
        {
            if (!IsRows(parameters[i].ParameterType)) continue;
            foreach (var row in (IEnumerable)values[i]!)
            {
                var alone = (object?[])bare.Clone();
                alone[i] = Rows(parameters[i].ParameterType, [row]);
                yield return ("row:" + NameOf(parameters[i].ParameterType), constructor.Invoke(alone));
            }
        }
        if (parameters.Where((p, i) => IsOptional(p) && values[i] is not null).FirstOrDefault() is not { } optional) yield break;
        var rest = (object?[])values.Clone();
        for (var i = 0; i < rest.Length; i++) rest[i] = IsRows(parameters[i].ParameterType) ? bare[i] : values[i];
        yield return ("row:" + SteppedPort.Kebab(optional.Name!), constructor.Invoke(rest));
    }

    private static bool IsRows(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);

    private static bool IsOptional(ParameterInfo parameter) => Nullable.GetUnderlyingType(parameter.ParameterType) is not null;

    private static Array Rows(Type list, object?[] rows)
    {
        var array = Array.CreateInstance(list.GetGenericArguments()[0], rows.Length);
        for (var i = 0; i < rows.Length; i++) array.SetValue(rows[i], i);
        return array;
    }

    /// <summary><c>MessageRow</c> is a <c>message</c>, <c>HighWaterMark</c> a <c>high-water-mark</c>.</summary>
    private static string NameOf(Type rows)
    {
        var name = rows.GetGenericArguments()[0].Name;
        return SteppedPort.Kebab(name.EndsWith("Row", StringComparison.Ordinal) ? name[..^3] : name);
    }
}
