using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Finds every slot of a module that holds one of some modules: its registry, its fields, and the arrays, lists, dictionaries and tuples in them.</summary>
/// <remarks><c>Sequential</c>, <c>ModuleList</c> and <c>ModuleDict</c> keep private lists beside the registry and need no case of their own.</remarks>
internal static class SlotFinder
{
    private const int Depth = 4; // lists in lists in lists: deeper nesting is left to the hook
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = [];

    /// <summary>The slots of one owner whose value is wanted.</summary>
    public static IEnumerable<Slot> Find(nn.Module owner, Func<nn.Module, bool> wanted)
    {
        var registry = ModuleTree.Registry(owner);
        foreach (var key in registry.Keys)
            if (wanted(registry[key]))
                yield return new Slot.OfRegistry(registry, key) { Name = $"{owner.GetType().Name}.{ModulePath.Plain(key)}" };
        foreach (var part in NativeLayer.Of(owner)?.Parts ?? [])
            if (wanted(part.Placed))
                yield return new Slot.OfPart(part) { Name = $"{owner.GetType().Name}.{part.Name}" };
        foreach (var field in FieldsOf(owner.GetType()))
            foreach (var slot in Open(new Slot.OfField(owner, field) { Name = $"{owner.GetType().Name}.{ModulePath.Plain(field.Name)}" }, wanted, Depth))
                yield return slot;
    }

    private static IEnumerable<Slot> Open(Slot slot, Func<nn.Module, bool> wanted, int depth)
    {
        if (depth == 0) return [];
        return slot.Value switch
        {
            null or Tensor or string => [],
            nn.Module module => wanted(module) ? [slot] : [],
            Array array => CanHoldModules(array.GetType().GetElementType()!) ? Elements(array, slot.Name).SelectMany(element => Open(element, wanted, depth - 1)) : [],
            IDictionary { IsReadOnly: false } dictionary => Values(dictionary, slot.Name).SelectMany(element => Open(element, wanted, depth - 1)),
            IList { IsReadOnly: false } list => Items(list, slot.Name).SelectMany(element => Open(element, wanted, depth - 1)),
            ValueType value when !value.GetType().IsPrimitive && !value.GetType().IsEnum => FieldsOf(value.GetType())
                .SelectMany(field => Open(new Slot.OfStruct(slot, field) { Name = $"{slot.Name}.{field.Name}" }, wanted, depth - 1)),
            _ => [],
        };
    }

    private static IEnumerable<Slot> Elements(Array array, string name)
    {
        for (var flat = 0; flat < array.Length; flat++)
        {
            var index = new int[array.Rank];
            for (int dimension = array.Rank - 1, rest = flat; dimension >= 0; rest /= array.GetLength(dimension), dimension--)
                index[dimension] = array.GetLowerBound(dimension) + rest % array.GetLength(dimension);
            yield return new Slot.OfArray(array, index) { Name = $"{name}[{string.Join(", ", index.Select(Invariant))}]" };
        }
    }

    private static IEnumerable<Slot> Items(IList list, string name)
    {
        var type = ArgumentOf(list, typeof(IList<>), 0);
        if (!CanHoldModules(type)) yield break;
        for (var i = 0; i < list.Count; i++) yield return new Slot.OfList(list, i, type) { Name = $"{name}[{Invariant(i)}]" };
    }

    private static IEnumerable<Slot> Values(IDictionary dictionary, string name)
    {
        var type = ArgumentOf(dictionary, typeof(IDictionary<,>), 1);
        if (!CanHoldModules(type)) yield break;
        foreach (var key in dictionary.Keys.Cast<object>().ToList())
            yield return new Slot.OfDictionary(dictionary, key, type) { Name = $"{name}[{key}]" };
    }

    private static Type ArgumentOf(object collection, Type definition, int index) =>
        collection.GetType().GetInterfaces().FirstOrDefault(type => type.IsGenericType && type.GetGenericTypeDefinition() == definition)?.GetGenericArguments()[index] ?? typeof(object);

    // Pixels and indices come in long arrays: do not look at each.
    private static bool CanHoldModules(Type type) => !type.IsPrimitive && !type.IsEnum && type != typeof(string) && !typeof(Tensor).IsAssignableFrom(type);

    /// <summary>The fields of a type and its bases, without those of TorchSharp's own module machinery.</summary>
    private static FieldInfo[] FieldsOf(Type type) => Fields.GetOrAdd(type, static type =>
    {
        var fields = new List<FieldInfo>();
        for (var level = type; level is not null && level != typeof(object) && !IsMachinery(level); level = level.BaseType)
            fields.AddRange(level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                .Where(field => CanHoldModules(field.FieldType) && !field.FieldType.IsPointer && !field.FieldType.IsByRefLike));
        return [.. fields];
    });

    private static bool IsMachinery(Type type) =>
        type == typeof(nn.Module) || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(nn.HookableModule<,>));

    private static string Invariant(int value) => value.ToString(CultureInfo.InvariantCulture);
}
