{-# LANGUAGE ScopedTypeVariables #-}
-- | A fake host, for tests that GHC compiles for the machine at hand: @wrun test@ builds each @tests\/NAME.hs@ with
-- the plugin and runs it.
--
-- > import Plugin (plugin)
-- > import WRun.Testing
-- >
-- > main :: IO ()
-- > main = do
-- >   made <- testTask plugin "count" ["least" .= (1 :: Integer)] [given "log" [("log.txt", "a\nb\n")]]
-- >   expect "lines" (Right (Just "2\n")) (fmap (output "count.txt") made)
--
-- Inputs are found by 'WRun.inputPath', which is then no folder below @\/in@; outputs are written by
-- 'WRun.outputPath' and what stands on it, such as 'WRun.writeOutput'.
module WRun.Testing
  ( Given, given, givenBytes, Made (..), output, testTask, requirements, expect, Value (..), (.=) ) where

import Control.Exception
import Control.Monad (filterM, forM_, unless, when)
import qualified Data.ByteString as B
import Data.IORef
import Data.List (find, isPrefixOf)
import qualified Data.Map.Strict as Map
import Data.Maybe (isJust)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import GHC.IO.Encoding (setFileSystemEncoding, setLocaleEncoding, utf8)
import System.Directory
import System.Exit (ExitCode, exitFailure)
import System.FilePath ((</>), takeDirectory, takeFileName)
import System.IO (hPutStrLn, hSetEncoding, stderr)
import System.IO.Error (isAlreadyExistsError)
import WRun.Container (args, imageName)
import WRun.Json (Value (..), parse, render)
import WRun.Params
import WRun.Requires
import WRun.Task
import WRun.World

-- | An input that the test gives: whichever task asks for one of that name has it, and nothing runs for it.
data Given = Given String [(FilePath, B.ByteString)]

-- | The name of an input, and the files in it as text.
given :: String -> [(FilePath, T.Text)] -> Given
given called inside = Given called [(path', T.encodeUtf8 content) | (path', content) <- inside]

-- | The same with any bytes.
givenBytes :: String -> [(FilePath, B.ByteString)] -> Given
givenBytes = Given

-- | What a call did.
data Made = Made
  { wrote :: Map.Map FilePath B.ByteString       -- ^ its outputs
  , said :: [(Maybe Double, String)]             -- ^ its progress
  , ran :: [String]                              -- ^ the tasks that ran, each as often as it did; itself last
  } deriving (Eq, Show)

-- | One output, as text.
output :: FilePath -> Made -> Maybe T.Text
output name' made = T.decodeUtf8 <$> Map.lookup name' (wrote made)

-- | Runs a task of a plugin: its name, its params (those with a default may be left out), the inputs that the test
-- gives. Other inputs that are tasks of the plugin are run. 'Left' is why it failed.
testTask :: Plugin -> String -> [(String, Value)] -> [Given] -> IO (Either String Made)
testTask it called given' inputs' = do
  mapM_ ($ utf8) [setLocaleEncoding, setFileSystemEncoding]
  hSetEncoding stderr utf8
  bracket newFolder removePathForcibly $ \top -> do
    host <- Host it inputs' top <$> newIORef 0 <*> newIORef [] <*> newIORef []
    done <- try (runOne host called (object given'))
    case done of
      Right folder -> do
        names <- filesBelow folder ""
        found <- mapM (\one -> (,) one <$> B.readFile (folder </> one)) names
        Right <$> (Made (Map.fromList found) <$> (reverse <$> readIORef (progressOf host)) <*> (reverse <$> readIORef (ranOf host)))
      Left (error' :: SomeException) -> pure (Left (said' error'))
  where
    said' error' = case fromException error' of
      Just (code :: ExitCode) -> "it called exit: " ++ show code
      Nothing -> message error'

-- | What a call requires, a line each: @\<input> \<task> \<params>@ or @\<input> \<uri>@; first, where one does the
-- work, @container \<image> \<args>@.
requirements :: Plugin -> String -> [(String, Value)] -> Either String [String]
requirements it called given' = do
  AnyTask one <- taskOf it called
  found <- complete (specs (params one)) (object given') >>= readParams (params one)
  let wanted = requires one found
      box = [unwords ("container" : imageName c : args c) | Just c <- [containerOf wanted]]
      line (Required named source) = unwords $ case source of
        FromTask known _ -> let task' = T.unpack (callTask known) in [maybe task' id named, task', render (callParams known)]
        FromFiles uri _ _ -> [maybe "" id named, uri]
        FromClock instant -> [maybe "" id named, instant]
  pure (box ++ map line (sources wanted))

-- | Ends the test program with a message, unless both are equal: what is looked at, what is due, what was found.
expect :: (Eq a, Show a) => String -> a -> a -> IO ()
expect what due found = unless (due == found) $ do
  hPutStrLn stderr (what ++ ": this was due:\n  " ++ show due ++ "\nand this was found:\n  " ++ show found)
  exitFailure

data Host = Host
  { pluginOf :: Plugin
  , givenOf :: [Given]
  , topOf :: FilePath
  , countOf :: IORef Int
  , progressOf :: IORef [(Maybe Double, String)]
  , ranOf :: IORef [String]
  }

refuse :: String -> IO a
refuse = ioError . userError

object :: [(String, Value)] -> Value
object given' = Object [(T.pack key, value) | (key, value) <- given']

taskOf :: Plugin -> String -> Either String AnyTask
taskOf it called = maybe (Left ("there is no task `" ++ called ++ "` in this plugin")) Right
  (find (\(AnyTask one) -> name one == called) (tasks it))

-- | Fills defaults in, as the host does.
complete :: [ParamSpec] -> Value -> Either String Value
complete known (Object given')
  | (key, _) : _ <- filter ((`notElem` map specName known) . T.unpack . fst) given' = Left ("there is no param `" ++ T.unpack key ++ "`")
  | otherwise = Object . concat <$> mapM value known
  where
    value spec = case (lookup (T.pack (specName spec)) given', specDefault spec) of
      (Just found, _) -> Right [(T.pack (specName spec), found)]
      (Nothing, Just json) -> (\found -> [(T.pack (specName spec), found)]) <$> parse json
      (Nothing, Nothing)
        | "optional<" `isPrefixOf` specKind spec -> Right [(T.pack (specName spec), Null)]
        | otherwise -> Left ("the param `" ++ specName spec ++ "` is missing")
complete _ other = Left ("params are no object: " ++ render other)

-- | Runs a call in a world of its own; returns the folder of its outputs.
runOne :: Host -> String -> Value -> IO FilePath
runOne host called given' = do
  AnyTask one <- either refuse pure (taskOf (pluginOf host) called)
  found <- either refuse pure (complete (specs (params one)) given' >>= readParams (params one))
  let wanted = requires one found
  when (isJust (containerOf wanted)) $
    refuse ("a container does `" ++ called ++ "`: give its output, and look at its `requirements`")
  names <- mapM (provide host) (sources wanted)
  folder <- next host
  numbers <- newIORef (0 :: Int)
  let numbered (Required named source) = do
        n <- atomicModifyIORef' numbers (\n -> (if named == Nothing then n + 1 else n, n))
        provide host (Required (Just (maybe ("need~" ++ show n) id named)) source)
      here = World
        { outFolder = folder
        , answer = mapM numbered
        , told = \fraction text' -> modifyIORef' (progressOf host) ((fraction, text') :) }
  within here (run one found (inputs wanted names))
  modifyIORef' (ranOf host) (called :)
  pure folder

-- | Makes an input; returns its folder, which is what the input is called.
provide :: Host -> Required -> IO String
provide host (Required named source) = case [inside | Given name' inside <- givenOf host, name' == called] of
  inside : _ -> do
    folder <- next host
    forM_ inside $ \(path', content) -> do
      createDirectoryIfMissing True (takeDirectory (folder </> path'))
      B.writeFile (folder </> path') content
    pure folder
  [] -> case source of
    FromTask (Call Nothing task' given') inner -> runOne host (T.unpack task') given' >>= maybe pure within' inner
    FromClock _ -> pure ""
    _ -> refuse ("the test does not give the input `" ++ called ++ "`")
  where
    called = case (named, source) of
      (Just name', _) -> name'
      (Nothing, FromTask known _) -> T.unpack (callTask known)
      _ -> ""
    within' inner folder = do
      [isFile, isFolder] <- mapM ($ (folder </> inner)) [doesFileExist, doesDirectoryExist]
      case () of
        _ | isFolder -> pure (folder </> inner)
          | isFile -> do
              alone <- next host
              copyFile (folder </> inner) (alone </> takeFileName inner)
              pure alone
          | otherwise -> refuse ("the output for `" ++ called ++ "` has no `" ++ inner ++ "`")

-- | Makes an empty folder.
next :: Host -> IO FilePath
next host = do
  n <- atomicModifyIORef' (countOf host) (\n -> (n + 1, n))
  let folder = topOf host </> show n
  createDirectory folder
  pure folder

newFolder :: IO FilePath
newFolder = getTemporaryDirectory >>= go (0 :: Int)
  where
    go n below = do
      let folder = below </> ("wrun-test-" ++ show n)
      made <- try (createDirectory folder)
      case made of
        Right () -> pure folder
        Left taken | isAlreadyExistsError taken -> go (n + 1) below
        Left other -> ioError other

filesBelow :: FilePath -> FilePath -> IO [FilePath]
filesBelow top below = do
  found <- map (if null below then id else (below </>)) <$> listDirectory (top </> below)
  folders <- filterM (doesDirectoryExist . (top </>)) found
  deeper <- mapM (filesBelow top) folders
  pure (filter (`notElem` folders) found ++ concat deeper)
