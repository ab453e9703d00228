-- | Requirements: an applicative that lists what is required without running anything.
module WRun.Requires
  ( Requires, Source (..), Required (..), sources, inputs, containerOf
  , dep, depOf, part, partOf, call, external, externalOrWait, listing, notBefore, inContainer
  , Input (..), inputPath
  ) where

import Control.Applicative ((<|>))
import qualified Data.Text as T
import System.FilePath ((</>))
import WRun.Container (Container)
import WRun.Json (Value (..))
import WRun.Params (Call (..))

-- | What shows at @/in/<name>@.
newtype Input = Input { inputName :: String } deriving (Eq, Show)

-- | The folder of an input. In a test its name is an absolute path, which stays as it is.
inputPath :: Input -> FilePath
inputPath (Input name) = "/in" </> name

-- | Where an input comes from.
data Source
  = FromTask { fromCall :: Call, fromPath :: Maybe String }
  | FromFiles { fromUri :: String, fromListing :: Bool, fromWait :: Bool }
  | FromClock String
  deriving (Eq, Show)

-- | One input. Without a name it is numbered.
data Required = Required { requiredName :: Maybe String, requiredSource :: Source } deriving (Eq, Show)

-- | What is required, the container that does the work if one does, and what 'WRun.Task.run' is given.
data Requires a = Requires [Required] (Maybe Container) ([String] -> (a, [String]))

instance Functor Requires where
  fmap f (Requires needed box get) = Requires needed box (\names -> let (a, rest) = get names in (f a, rest))

instance Applicative Requires where
  pure value = Requires [] Nothing (\names -> (value, names))
  Requires one box f <*> Requires two box' x = Requires (one ++ two) (box' <|> box) $ \names ->
    let (g, rest) = f names
        (a, left) = x rest
     in (g a, left)

-- | Lists it.
sources :: Requires a -> [Required]
sources (Requires needed _ _) = needed

-- | The container that does the work.
containerOf :: Requires a -> Maybe Container
containerOf (Requires _ box _) = box

-- | What the run is given, by the names that inputs got.
inputs :: Requires a -> [String] -> a
inputs (Requires _ _ get) = fst . get

required :: Maybe String -> Source -> Requires Input
required name source = Requires [Required name source] Nothing take1
  where
    take1 (given : rest) = (Input given, rest)
    take1 [] = (Input "", [])

-- | A task of this plugin: the input's name (empty is numbered in a need, and the task's name else), the task,
-- its params.
dep :: String -> String -> [(String, Value)] -> Requires Input
dep name task given = called name (Call Nothing (T.pack task) (object given)) Nothing

-- | A task of the plugin that wrun.toml calls so.
depOf :: String -> String -> String -> [(String, Value)] -> Requires Input
depOf alias name task given = called name (Call (Just (T.pack alias)) (T.pack task) (object given)) Nothing

-- | One path inside a task's output: only that counts.
part :: String -> String -> [(String, Value)] -> String -> Requires Input
part name task given path = called name (Call Nothing (T.pack task) (object given)) (Just path)

-- | One path inside the output of a task of another plugin.
partOf :: String -> String -> String -> [(String, Value)] -> String -> Requires Input
partOf alias name task given path = called name (Call (Just (T.pack alias)) (T.pack task) (object given)) (Just path)

-- | What a param of the kind @task@ names.
call :: String -> Call -> Requires Input
call name it = called name it Nothing

called :: String -> Call -> Maybe String -> Requires Input
called name it path = required (if null name then Nothing else Just name) (FromTask it path)

object :: [(String, Value)] -> Value
object given = Object [(T.pack name, value) | (name, value) <- given]

-- | Files: a path, a folder, a glob, @s3:\/\/…@ or @https:\/\/…@.
external :: String -> T.Text -> Requires Input
external name uri = required (Just name) (FromFiles (T.unpack uri) False False)

-- | The same; waited for where it is missing.
externalOrWait :: String -> T.Text -> Requires Input
externalOrWait name uri = required (Just name) (FromFiles (T.unpack uri) False True)

-- | Names and sizes alone: one file, @listing@, of lines @\<size>\\t\<path>@.
listing :: String -> T.Text -> Requires Input
listing name uri = required (Just name) (FromFiles (T.unpack uri) True False)

-- | Not before this instant, RFC 3339.
notBefore :: String -> String -> Requires ()
notBefore name instant = () <$ required (Just name) (FromClock instant)

-- | Lets a container do the work, in place of 'WRun.Task.run': see "WRun.Container".
inContainer :: Container -> Requires ()
inContainer box = Requires [] (Just box) (\names -> ((), names))
